{{- define "shop.report" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ .Release.Name }}-report
spec:
  schedule: "0 6 * * 1"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          securityContext:
            runAsUser: 1000700000
          containers:
            - name: web
              image: registry.example/shop:1
              args: ["report"]
{{- end }}
