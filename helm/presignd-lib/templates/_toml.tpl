{{/*
Values as TOML. Helm's own toToml writes a whole number from a values file as 33.0, which is no uid.
*/}}

{{/* Any value on one line. A string in JSON is a string in TOML, but for DEL, which the schema lets nobody write. */}}
{{- define "presignd-lib.toml.value" -}}
{{- if kindIs "string" . -}}
{{ toJson . }}
{{- else if kindIs "map" . -}}
{{- $parts := list -}}
{{- range $key, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $parts = append $parts (include "presignd-lib.toml.pair" (list $key $value)) -}}
{{- end -}}
{{- end -}}
{{ printf "{ %s }" (join ", " $parts) }}
{{- else if kindIs "slice" . -}}
{{- $parts := list -}}
{{- range . -}}
{{- $parts = append $parts (include "presignd-lib.toml.value" .) -}}
{{- end -}}
{{ printf "[%s]" (join ", " $parts) }}
{{- else if kindIs "bool" . -}}
{{ . }}
{{- else -}}
{{ printf "%d" (int64 .) }}
{{- end -}}
{{- end }}

{{- define "presignd-lib.toml.key" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ include "presignd-lib.toml.value" . }}{{ end -}}
{{- end }}

{{- define "presignd-lib.toml.pair" -}}
{{ include "presignd-lib.toml.key" (index . 0) }} = {{ include "presignd-lib.toml.value" (index . 1) }}
{{- end }}

{{/* A header in brackets, such as [sts], and a line for each key of a map. */}}
{{- define "presignd-lib.toml.table" -}}
{{ index . 0 }}
{{- range $key, $value := index . 1 }}
{{- if not (kindIs "invalid" $value) }}
{{ include "presignd-lib.toml.pair" (list $key $value) }}
{{- end }}
{{- end }}
{{- end }}
