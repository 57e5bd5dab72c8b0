{{/* Labels, the image, and the refusals of values that would not work. */}}

{{- define "presignd-lib.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | default .Chart.Version | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{/* A digest wins over a tag: it cannot be moved. */}}
{{- define "presignd-lib.image" -}}
{{- $_ := required "presignd.image.repository: no image is published yet; build and push it with scripts/image, and name it here" .repository -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end -}}
{{- end }}

{{/* values, place, host_network, grace */}}
{{- define "presignd-lib.check" -}}
{{- $values := .values -}}
{{- include "presignd-lib.check-config" $values -}}
{{- include "presignd-lib.check-drain" . -}}
{{- if eq .place "node" -}}
{{- include "presignd-lib.check-places" . -}}
{{- end -}}
{{- range $name, $key := $values.keys -}}
{{- $identity := dig "identity" $name dict $values.config -}}
{{- if ne (index $identity "source" | default "") "key-file" -}}
{{- fail (printf "presignd.keys.%s: there is no presignd.config.identity.%s with source: key-file that would read it" $name $name) -}}
{{- end -}}
{{- if $identity.path -}}
{{- fail (printf "presignd.keys.%s says where the key of identity %s lies; leave its path out" $name $name) -}}
{{- end -}}
{{- end -}}
{{- if and (or (eq .place "node") .host_network) (dig "sockets" "sign_abstract" "" $values.config) -}}
{{- fail "presignd.config.sockets.sign_abstract is for the containers of one pod; on a node, or with hostNetwork, it is for no one or for everybody" -}}
{{- end -}}
{{- if and (eq .place "sidecar") (eq $values.registry.type "hostPath") -}}
{{- fail "presignd.registry.type: hostPath is the registry of a whole node; two pods there would want the same one" -}}
{{- end -}}
{{- if and (eq .place "node") (eq $values.registry.type "claim") -}}
{{- fail "presignd.registry.type: claim is the registry of one daemon, and a DaemonSet has one on each node" -}}
{{- end -}}
{{- if and (eq .place "sidecar") (eq $values.startAppWhen "serving") (not $values.http.enabled) -}}
{{- fail "presignd.startAppWhen: serving is asked of /livez; set presignd.http.enabled, or startAppWhen: ready" -}}
{{- end -}}
{{- if and $values.webIdentity.enabled (not $values.webIdentity.roleArn) -}}
{{- $wants := not $values.config.identity -}}
{{- range $values.config.identity -}}
{{- if and (eq .source "web-identity") (not .role_arn) -}}{{- $wants = true -}}{{- end -}}
{{- end -}}
{{- range $values.env -}}
{{- if eq .name "AWS_ROLE_ARN" -}}{{- $wants = false -}}{{- end -}}
{{- end -}}
{{- if $wants -}}
{{- fail "presignd.webIdentity: the token is for no role; set presignd.webIdentity.roleArn, or role_arn of the identity, or leave it to EKS's webhook with webIdentity.enabled: false" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
values, the securityContexts of a pod and of one of its containers, and its name: a container whose user is known and whom no
grant is for would be denied each URL, or, as presignd's own user, none. An unknown user or group is the image's own affair.
*/}}
{{- define "presignd-lib.check-caller" -}}
{{- $security := merge (dict) (.container.securityContext | default dict) .pod -}}
{{- if hasKey $security "runAsUser" -}}
{{- $uid := int64 $security.runAsUser -}}
{{- if and (empty .values.config.grant) (eq $uid (int64 .values.runAsUser)) -}}
{{- fail (printf "container %s runs as user %d, presignd's own, which may sign everything while there is no grant: give it another runAsUser, or write a grant in presignd.config.grant" .container.name $uid) -}}
{{- end -}}
{{- $admitted := and (empty .values.config.grant) (eq $uid (int64 0)) -}}
{{- range .values.config.grant -}}
{{- $by_uid := and (hasKey . "uid") (eq (int64 .uid) $uid) -}}
{{- $by_gid := and (hasKey . "gid") (or (not (hasKey $security "runAsGroup")) (eq (int64 .gid) (int64 $security.runAsGroup))) -}}
{{- if or .any $by_uid $by_gid -}}
{{- $admitted = true -}}
{{- end -}}
{{- end -}}
{{- if not $admitted -}}
{{- fail (printf "container %s runs as user %d, and no grant in presignd.config.grant is for that uid: every call would be denied" .container.name $uid) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* values, the container of the daemon, and all volumes of its pod: what would stand there twice, and count once or not at all */}}
{{- define "presignd-lib.check-names" -}}
{{- $own := list -}}
{{- range slice .container.env 0 (sub (len .container.env) (len .values.env)) -}}
{{- $own = append $own .name -}}
{{- end -}}
{{- range .values.env -}}
{{- if has .name $own -}}
{{- fail (printf "presignd.env: the chart itself sets %s" .name) -}}
{{- end -}}
{{- end -}}
{{- include "presignd-lib.check-mounts" .container -}}
{{- $seen := list -}}
{{- range .volumes -}}
{{- if has .name $seen -}}
{{- fail (printf "the pod has two volumes %s; names that begin with presignd- are the chart's own" .name) -}}
{{- end -}}
{{- $seen = append $seen .name -}}
{{- end -}}
{{- end }}

{{- define "presignd-lib.check-mounts" -}}
{{- $container := .name -}}
{{- $seen := list -}}
{{- range .volumeMounts -}}
{{- $place := .mountPath | default "" | clean -}}
{{- if has $place $seen -}}
{{- fail (printf "container %s has two volumeMounts at %s" $container $place) -}}
{{- end -}}
{{- $seen = append $seen $place -}}
{{- end -}}
{{- end }}

{{/* http of the values, and a container of the application: the containers of a pod share one network. */}}
{{- define "presignd-lib.check-ports" -}}
{{- $name := .container.name -}}
{{- $http := .http -}}
{{- range .container.ports -}}
{{- if and $http.enabled (eq (.protocol | default "TCP") "TCP") (eq (int .containerPort) (int $http.port)) -}}
{{- fail (printf "container %s has port %d, at which presignd listens in the same pod: set presignd.http.port to another" $name (int $http.port)) -}}
{{- end -}}
{{- if and $http.enabled .name (eq .name $http.portName) -}}
{{- fail (printf "container %s has a port %s, which is what presignd's is called in the same pod: set presignd.http.portName to another" $name .name) -}}
{{- end -}}
{{- end -}}
{{- end }}
