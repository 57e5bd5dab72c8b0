{{/*
The container of the daemon: the same beside an application and on a node. It runs as a user of its own, without a capability,
on a file system that it cannot write to but for the volumes.
*/}}

{{/* values; place: "sidecar" or "node" */}}
{{- define "presignd-lib.container" -}}
{{- $values := .values -}}
name: presignd
image: {{ include "presignd-lib.image" $values.image | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
{{- if eq .place "sidecar" }}
# A sidecar as Kubernetes knows it: started before the application, stopped after it.
restartPolicy: Always
{{- end }}
command: [{{ $values.image.program | quote }}]
args: ["serve", "--config", "/etc/presignd/presignd.toml"]
env:
  - name: RUNTIME_DIRECTORY
    value: /run/presignd
  - name: STATE_DIRECTORY
    value: /var/lib/presignd
  # Where SQLite sorts what memory does not hold.
  - name: TMPDIR
    value: /var/lib/presignd
  {{- if $values.webIdentity.enabled }}
  - name: AWS_WEB_IDENTITY_TOKEN_FILE
    value: /var/run/secrets/presignd/token
  {{- with $values.webIdentity.roleArn }}
  - name: AWS_ROLE_ARN
    value: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- with $values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if $values.http.enabled }}
ports:
  - name: {{ $values.http.portName | quote }}
    containerPort: {{ int $values.http.port }}
    protocol: TCP
{{- end }}
{{- include "presignd-lib.probes" . }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ int64 $values.runAsUser }}
  runAsGroup: {{ int64 $values.runAsGroup }}
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: presignd-run
    mountPath: /run/presignd
  {{- if eq .place "node" }}
  - name: presignd-sign
    mountPath: /run/presignd/sign
  {{- end }}
  - name: {{ include "presignd-lib.registry-volume" $values | quote }}
    mountPath: /var/lib/presignd
    {{- with $values.registry.subPath }}
    subPath: {{ . | quote }}
    {{- end }}
  - name: presignd-config
    mountPath: /etc/presignd
    readOnly: true
  {{- range $at, $name := keys $values.keys | sortAlpha }}
  - name: presignd-key-{{ $at }}
    mountPath: {{ printf "/etc/presignd-keys/%s" $name | quote }}
    readOnly: true
  {{- end }}
  {{- if $values.webIdentity.enabled }}
  - name: presignd-token
    mountPath: /var/run/secrets/presignd
    readOnly: true
  {{- end }}
  {{- with $values.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/*
Liveness asks whether the daemon answers, never whether AWS does. A start that waits for AWS is given a day, because a restart
would not hasten it, and a daemon that cannot start at all ends by itself.
*/}}
{{- define "presignd-lib.probes" }}
{{- $values := .values }}
{{- if and (eq .place "sidecar") (eq $values.startAppWhen "ready") }}
startupProbe:
  exec:
    command: [{{ $values.image.program | quote }}, "health", "--timeout", "4s"]
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 86400
{{- else if $values.http.enabled }}
startupProbe:
  httpGet:
    path: /livez
    port: {{ $values.http.portName | quote }}
  periodSeconds: 1
  timeoutSeconds: 5
  # A registry that lies damaged on a slow disk takes its time.
  failureThreshold: 300
{{- end }}
{{- if $values.http.enabled }}
livenessProbe:
  httpGet:
    path: /livez
    port: {{ $values.http.portName | quote }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}
{{- if or (eq .place "node") $values.readinessProbe.enabled }}
readinessProbe:
  {{- if $values.http.enabled }}
  httpGet:
    path: /readyz
    port: {{ $values.http.portName | quote }}
  {{- else }}
  exec:
    command: [{{ $values.image.program | quote }}, "health", "--timeout", "4s"]
  {{- end }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}
{{- end }}
