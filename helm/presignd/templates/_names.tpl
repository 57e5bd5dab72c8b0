{{- define "presignd.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 54 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "presignd.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "presignd.account" -}}
{{ .Values.serviceAccount.name | default (ternary (include "presignd.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* What both shapes say of their pods. */}}
{{- define "presignd.pod-common" -}}
serviceAccountName: {{ include "presignd.account" . }}
terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "presignd.pod-metadata" -}}
labels:
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "presignd.selector" . | nindent 2 }}
{{- end }}

{{/* Whether an identity takes its credentials from there. */}}
{{- define "presignd.has-source" -}}
{{- $wanted := index . 1 -}}
{{- range (index . 0).Values.presignd.config.identity -}}
{{- if eq .source $wanted -}}yes{{- end -}}
{{- end -}}
{{- end }}
