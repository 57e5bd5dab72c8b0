{{/*
The one line of another chart. Its workload stands in a named template, and a template of the chart says

  {{ include "presignd-lib.inject" (list . "shop.deployment") }}

What comes out is that workload with presignd beside it (presignd.mode: sidecar), or with the socket of the node's presignd
(node), or as it was (off). A workload is whatever has the template of a pod, a CronJob, or a Pod. Other objects of the named
template pass through, but one of them has to be a workload. Values are those of the dependency, under its alias `presignd`.
*/}}

{{- define "presignd-lib.inject" -}}
{{- $values := (index . 0).Values.presignd | required "presignd-lib.inject: the dependency presignd-lib has to have `alias: presignd` in Chart.yaml" -}}
{{- include "presignd-lib.inject-into" (dict "root" (index . 0) "values" $values "name" (index . 1) "text" (include (index . 1) (index . 0))) }}
{{- end }}

{{/* root, values, name and text of the template */}}
{{- define "presignd-lib.inject-into" -}}
{{- if eq .values.mode "off" -}}
{{ .text }}
{{- else -}}
{{- $kinds := list -}}
{{- $found := false -}}
{{- range regexSplit "(?m)^---[ \t]*$" .text -1 }}
{{- if regexMatch "(?m)^kind:" . }}
---
{{ $object := fromYaml . -}}
{{- if $object.Error -}}
{{- fail (printf "presignd-lib.inject: this is no YAML: %s" $object.Error) -}}
{{- end -}}
{{- if eq $object.kind "List" -}}
{{- fail (printf "presignd-lib.inject: %s holds a List, whose items nobody looks into; write each by itself, with --- between them" $.name) -}}
{{- end -}}
{{- $kinds = append $kinds $object.kind -}}
{{- if include "presignd-lib.pod-of" $object -}}
{{- $found = true -}}
{{- include "presignd-lib.workload" (dict "root" $.root "values" $.values "object" $object) }}
{{- else -}}
{{ trim . }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $kinds (not $found) -}}
{{- fail (printf "presignd-lib.inject: %s: there is no pod in it that presignd could be put beside (%s)" .name (join ", " $kinds)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Where its pod stands, as a path of keys: whatever the kind, it is the one place. Nothing where there is none. */}}
{{- define "presignd-lib.pod-of" -}}
{{- $at := dict "Pod" "" "CronJob" "spec.jobTemplate.spec.template" -}}
{{- $path := ternary (get $at .kind) "spec.template" (hasKey $at .kind) -}}
{{- $part := . -}}
{{- range splitList "." (printf "%s.spec.containers" $path | trimPrefix ".") -}}
{{- if kindIs "map" $part -}}{{- $part = get $part . -}}{{- else -}}{{- $part = "" -}}{{- end -}}
{{- end -}}
{{- if $part -}}yes{{- end -}}
{{- end }}

{{/* root, values, object: the workload with its pod changed, and the ConfigMap of a sidecar */}}
{{- define "presignd-lib.workload" -}}
{{- $values := .values -}}
{{- $object := .object -}}
{{- $pod := $object -}}
{{- if eq $object.kind "CronJob" -}}
{{- $pod = $object.spec.jobTemplate.spec.template -}}
{{- else if ne $object.kind "Pod" -}}
{{- $pod = $object.spec.template -}}
{{- end -}}
{{- $spec := $pod.spec -}}
{{- /* With its kind, and whole: no two workloads have the same. */ -}}
{{- $config := printf "%s-%s-presignd" $object.metadata.name (lower $object.kind) -}}
{{- $metadata := $pod.metadata | default dict -}}
{{- $annotations := $metadata.annotations | default dict -}}
{{- $daemon := dict -}}
{{- if eq $values.mode "sidecar" -}}
{{- include "presignd-lib.check" (dict "values" $values "place" "sidecar" "host_network" $spec.hostNetwork "grace" ($spec.terminationGracePeriodSeconds | default 30)) -}}
{{- if and (has $values.registry.type (list "claim" "volume")) (not (dig "securityContext" "fsGroup" "" $spec)) -}}
{{- fail (printf "%s %s: its pod needs securityContext.fsGroup, or presignd cannot write to the claim that is its registry" $object.kind $object.metadata.name) -}}
{{- end -}}
{{- if $values.rolloutOnChange -}}
{{- $_ := set $annotations "checksum/presignd" (include "presignd-lib.config" $values | sha256sum) -}}
{{- end -}}
{{- if $values.keepRoleFromOthers -}}
{{- $others := list -}}
{{- range concat ($spec.initContainers | default list) $spec.containers -}}
{{- $others = append $others .name -}}
{{- end -}}
{{- $_ := set $annotations "eks.amazonaws.com/skip-containers" (join "," $others) -}}
{{- end -}}
{{- range concat ($spec.initContainers | default list) $spec.containers -}}
{{- if eq .name "presignd" -}}
{{- fail (printf "%s %s has a container presignd already, and the sidecar's is called so" $object.kind $object.metadata.name) -}}
{{- end -}}
{{- include "presignd-lib.check-ports" (dict "http" $values.http "container" .) -}}
{{- end -}}
{{- $daemon = include "presignd-lib.container" (dict "values" $values "place" "sidecar") | fromYaml -}}
{{- $_ := set $spec "initContainers" (prepend ($spec.initContainers | default list) $daemon) -}}
{{- end -}}
{{- if $annotations -}}
{{- $_ := set $metadata "annotations" $annotations -}}
{{- $_ := set $pod "metadata" $metadata -}}
{{- end -}}
{{- $found := list -}}
{{- range $spec.containers -}}
{{- if or (empty $values.containers) (has .name $values.containers) -}}
{{- $found = append $found .name -}}
{{- if eq $values.mode "sidecar" -}}
{{- include "presignd-lib.check-caller" (dict "values" $values "pod" ($spec.securityContext | default dict) "container" .) -}}
{{- end -}}
{{- include "presignd-lib.socket-into" (dict "values" $values "container" .) -}}
{{- end -}}
{{- end -}}
{{- range $values.containers -}}
{{- if not (has . $found) -}}
{{- fail (printf "%s %s has no container %s, which presignd.containers names" $object.kind $object.metadata.name .) -}}
{{- end -}}
{{- end -}}
{{- $volumes := include "presignd-lib.client-volumes" (dict "values" $values "config" $config) | fromYamlArray -}}
{{- $_ := set $spec "volumes" (concat ($spec.volumes | default list) $volumes) -}}
{{- $own := ternary $daemon (dict "env" list) (eq $values.mode "sidecar") -}}
{{- include "presignd-lib.check-names" (dict "values" (ternary $values (dict "env" list) (eq $values.mode "sidecar")) "container" $own "volumes" $spec.volumes) -}}
{{ toYaml $object }}
{{- if eq $values.mode "sidecar" }}
---
{{ include "presignd-lib.configmap" (dict "root" .root "values" $values "name" $config "namespace" $object.metadata.namespace) }}
{{- end }}
{{- end }}

{{/* What a container needs that signs: the socket's directory, which it cannot write to, and where the socket is. */}}
{{- define "presignd-lib.socket-into" -}}
{{- $mount := dict "name" "presignd-sign" "mountPath" "/run/presignd/sign" "readOnly" true -}}
{{- if eq .values.mode "sidecar" -}}
{{- $mount = dict "name" "presignd-run" "mountPath" "/run/presignd/sign" "subPath" "sign" "readOnly" true -}}
{{- end -}}
{{- $_ := set .container "volumeMounts" (append (.container.volumeMounts | default list) $mount) -}}
{{- include "presignd-lib.check-mounts" .container -}}
{{- $known := false -}}
{{- range .container.env -}}
{{- if eq .name "PRESIGND_SOCKET" -}}{{- $known = true -}}{{- end -}}
{{- end -}}
{{- if not $known -}}
{{- $variable := dict "name" "PRESIGND_SOCKET" "value" "/run/presignd/sign/presignd.sock" -}}
{{- $_ := set .container "env" (append (.container.env | default list) $variable) -}}
{{- end -}}
{{- end }}

{{- define "presignd-lib.client-volumes" -}}
{{- if eq .values.mode "sidecar" -}}
{{ include "presignd-lib.volumes" (dict "values" .values "place" "sidecar" "config" .config) }}
{{- else -}}
- name: presignd-sign
  {{- if .values.node.csiDriver }}
  csi:
    driver: {{ .values.node.csiDriver | quote }}
    readOnly: true
  {{- else }}
  # A pod that is there before the node's presignd waits for it: made by the kubelet, the directory would be root's.
  hostPath:
    path: {{ .values.node.socketDirectory | quote }}
    type: Directory
  {{- end }}
{{- end }}
{{- end }}
