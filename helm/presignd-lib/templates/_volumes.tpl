{{/*
The volumes of the daemon. An application container sees one directory of one of them, and no more: the signing socket's.
*/}}

{{/* values, place, and config: the name of the ConfigMap */}}
{{- define "presignd-lib.volumes" -}}
{{- $registry := .values.registry -}}
# Sockets only. The daemon makes a directory in it for each of the two, and the application gets one of them.
- name: presignd-run
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
{{- if eq .place "node" }}
- name: presignd-sign
  hostPath:
    path: {{ .values.node.socketDirectory | quote }}
    type: {{ ternary "DirectoryOrCreate" "Directory" .prepared }}
{{- end }}
{{- $type := include "presignd-lib.registry-type" . }}
{{- if eq $type "emptyDir" }}
- name: presignd-registry
  emptyDir:
    sizeLimit: {{ $registry.sizeLimit | quote }}
{{- else if eq $type "hostPath" }}
- name: presignd-registry
  hostPath:
    path: {{ $registry.hostPath | quote }}
    type: {{ ternary "DirectoryOrCreate" "Directory" (.prepared | default false) }}
{{- else if eq $type "claim" }}
- name: presignd-registry
  persistentVolumeClaim:
    claimName: {{ required "presignd.registry.type: claim needs presignd.registry.claimName" $registry.claimName | quote }}
{{- end }}
- name: presignd-config
  configMap:
    name: {{ .config | quote }}
{{- range $at, $name := keys .values.keys | sortAlpha }}
{{- $key := index $.values.keys $name }}
# A whole directory: a Secret mounted by subPath would never change. Only the daemon's container mounts it.
- name: presignd-key-{{ $at }}
  secret:
    secretName: {{ $key.secretName | quote }}
    defaultMode: 0444
{{- end }}
{{- with .values.webIdentity }}
{{- if .enabled }}
- name: presignd-token
  projected:
    sources:
      - serviceAccountToken:
          audience: {{ .audience | quote }}
          expirationSeconds: {{ int .expirationSeconds }}
          path: token
{{- end }}
{{- end }}
{{- with .values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A node keeps a registry as a matter of course; a pod has nowhere to, until it is told. */}}
{{- define "presignd-lib.registry-type" -}}
{{- if eq .values.registry.type "auto" }}{{ ternary "hostPath" "emptyDir" (eq .place "node") }}{{ else }}{{ .values.registry.type }}{{ end -}}
{{- end }}

{{/* "volume": one that the pod has already, such as a claim that a StatefulSet makes for each of its pods. */}}
{{- define "presignd-lib.registry-volume" -}}
{{- if eq .registry.type "volume" -}}
{{ required "presignd.registry.type: volume needs presignd.registry.volumeName" .registry.volumeName }}
{{- else -}}
presignd-registry
{{- end -}}
{{- end }}

{{/*
values, place: the directories of a node, which are handed over to presignd's user. What a node needs itself is refused by its path;
where others have files, the step that would hand it over says no.
*/}}
{{- define "presignd-lib.check-places" -}}
{{- $sign := clean .values.node.socketDirectory -}}
{{- $places := dict "presignd.node.socketDirectory" $sign -}}
{{- if eq (include "presignd-lib.registry-type" .) "hostPath" -}}
{{- $registry := clean .values.registry.hostPath -}}
{{- $_ := set $places "presignd.registry.hostPath" $registry -}}
{{- if or (hasPrefix (printf "%s/" $registry) (printf "%s/" $sign)) (hasPrefix (printf "%s/" $sign) (printf "%s/" $registry)) -}}
{{- fail (printf "presignd.registry.hostPath (%s) and presignd.node.socketDirectory (%s) are within each other; give each a directory of its own" $registry $sign) -}}
{{- end -}}
{{- end -}}
{{- $top := "^/[^/]*$" -}}
{{- $system := "^/(bin|boot|dev|etc|lib|lib32|lib64|proc|root|sbin|sys|usr)/" -}}
{{- $shared := "^/var/(backups|cache|lib|local|lock|log|mail|opt|run|spool|tmp)$|^/var/lib/(containerd|docker|etcd|kubelet)(/|$)" -}}
{{- range $key, $path := $places -}}
{{- if regexMatch (join "|" (list $top $system $shared)) $path -}}
{{- fail (printf "%s: %s is, or may be, a directory that the node needs itself; name one for presignd alone, such as /var/lib/presignd" $key $path) -}}
{{- end -}}
{{- end -}}
{{- end }}
