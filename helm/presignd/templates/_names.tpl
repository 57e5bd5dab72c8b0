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
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "presignd.account" -}}
{{ .Values.serviceAccount.name | default (ternary (include "presignd.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{/* What both shapes say of their pods. */}}
{{- define "presignd.pod-common" -}}
serviceAccountName: {{ include "presignd.account" . | quote }}
terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
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

{{/* Labels of an object, of which the user may set each anew. */}}
{{- define "presignd.labels-with" -}}
{{ merge (dict) (index . 1) (include "presignd-lib.labels" (index . 0) | fromYaml) | toYaml }}
{{- end }}

{{/* Values of the user's for which there is no room, because the chart needs it. */}}
{{- define "presignd.check" -}}
{{- range $key, $value := include "presignd.selector" . | fromYaml -}}
{{- if hasKey $.Values.podLabels $key -}}
{{- fail (printf "podLabels: the pods are found by the label %s; it cannot be set" $key) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.presignd.rolloutOnChange (hasKey .Values.podAnnotations "checksum/presignd") -}}
{{- fail "podAnnotations: checksum/presignd is written by presignd.rolloutOnChange" -}}
{{- end -}}
{{- if and .Values.presignd.keepRoleFromOthers (hasKey .Values.podAnnotations "eks.amazonaws.com/skip-containers") -}}
{{- fail "podAnnotations: eks.amazonaws.com/skip-containers is written by presignd.keepRoleFromOthers; set that to false to write it yourself" -}}
{{- end -}}
{{- $account := .Values.serviceAccount -}}
{{- if and (not $account.create) (or $account.roleArn $account.annotations) -}}
{{- fail "serviceAccount.roleArn and annotations are for an account that the chart makes; with serviceAccount.create: false write them on the account that is there" -}}
{{- end -}}
{{- if and $account.roleArn (hasKey $account.annotations "eks.amazonaws.com/role-arn") -}}
{{- fail "serviceAccount.annotations: eks.amazonaws.com/role-arn is written by serviceAccount.roleArn; give one of them" -}}
{{- end -}}
{{- end }}

{{/*
Whether credentials may be asked for at an address of the node's: "container" or "instance". AWS's chain tries both, which is
what presignd takes where no identity is configured or one that mints has no base, and a profile may name either (credential_source).
*/}}
{{- define "presignd.asks" -}}
{{- $identities := (index . 0).Values.presignd.config.identity -}}
{{- $asking := list (index . 1) "default" "profile" -}}
{{- $minting := list "assume-role" "session-token" "federation-token" -}}
{{- if not $identities -}}yes{{- end -}}
{{- range $identities -}}
{{- if or (has .source $asking) (and (has .source $minting) (not .base)) -}}yes{{- end -}}
{{- end -}}
{{- end }}
