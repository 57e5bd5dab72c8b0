{{/*
presignd.toml, and the ConfigMap that holds it. What Kubernetes decides (paths, the HTTP port) the chart writes; all else is
`config` of the values, key by key.
*/}}

{{- define "presignd-lib.config" -}}
# Written by Helm from the values: change them, not this.
{{- with .config.default_identity }}
{{ include "presignd-lib.toml.pair" (list "default_identity" .) }}
{{- end }}
{{- if .http.enabled }}

[http]
listen = {{ include "presignd-lib.address" . | toJson }}
beyond_loopback = true
{{- end }}
{{- range $name := list "sockets" "registry" "log" "limits" "sts" "probe" }}
{{- with index $.config $name }}

{{ include "presignd-lib.toml.table" (list (printf "[%s]" $name) .) }}
{{- end }}
{{- end }}
{{- range $name, $identity := .config.identity }}

{{ include "presignd-lib.toml.table" (list (printf "[identity.%s]" (include "presignd-lib.toml.key" $name)) (include "presignd-lib.identity" (list $ $name $identity) | fromJson)) }}
{{- end }}
{{- range .config.grant }}

{{ include "presignd-lib.toml.table" (list "[[grant]]" .) }}
{{- end }}
{{- end }}

{{/* An identity as JSON; one whose key lies in a Secret is told where that is mounted. */}}
{{- define "presignd-lib.identity" -}}
{{- $values := index . 0 -}}
{{- $name := index . 1 -}}
{{- $identity := index . 2 -}}
{{- with index $values.keys $name -}}
{{- $place := printf "/etc/presignd-keys/%s" $name -}}
{{- $path := ternary (printf "%s/%s" $place (.file | default "")) $place (not (empty .file)) -}}
{{- $identity = merge (dict "path" $path) $identity -}}
{{- end -}}
{{ toJson $identity }}
{{- end }}

{{/* With the brackets of IPv6. */}}
{{- define "presignd-lib.address" -}}
{{- if contains ":" .http.address }}[{{ .http.address }}]{{ else }}{{ .http.address }}{{ end }}:{{ int .http.port }}
{{- end }}

{{/* root, values, name and namespace of the ConfigMap */}}
{{- define "presignd-lib.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .name | quote }}
  {{- with .namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "presignd-lib.labels" .root | nindent 4 }}
data:
  presignd.toml: |
    {{- include "presignd-lib.config" .values | nindent 4 }}
{{- end }}
