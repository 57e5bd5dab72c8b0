{{/* What was templates/web.yaml before, now with a name. */}}
{{- define "shop.web" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
spec:
  selector:
    matchLabels: {app: {{ .Release.Name }}-web}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}-web}
    spec:
      initContainers:
        - name: migrate
          image: registry.example/shop:1
          args: ["migrate"]
      containers:
        - name: web
          image: registry.example/shop:1
          securityContext:
            runAsUser: 1000700000
          volumeMounts:
            - name: cache
              mountPath: /cache
      volumes:
        - name: cache
          emptyDir: {}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}-web
spec:
  selector: {app: {{ .Release.Name }}-web}
  ports:
    - name: http
      port: 80
{{- end }}
