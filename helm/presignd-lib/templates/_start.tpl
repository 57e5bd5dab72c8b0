{{/* What presignd itself refuses when it starts, and a schema cannot say: names of what is not there, and what cannot be left out. */}}

{{/* values */}}
{{- define "presignd-lib.check-config" -}}
{{- $values := . -}}
{{- $config := .config -}}
{{- $known := keys ($config.identity | default (dict "default" true)) | sortAlpha -}}
{{- $there := printf "which is not configured; there are: %s" (join ", " $known) -}}
{{- with $config.default_identity -}}
{{- if not (has . $known) -}}
{{- fail (printf "presignd.config.default_identity: names %s, %s" . $there) -}}
{{- end -}}
{{- end -}}
{{- range $name, $identity := $config.identity -}}
{{- if and $identity.base (not (has $identity.base $known)) -}}
{{- fail (printf "presignd.config.identity.%s.base: names %s, %s" $name $identity.base $there) -}}
{{- end -}}
{{- if and (eq $identity.source "assume-role") (not $identity.role_arn) -}}
{{- fail (printf "presignd.config.identity.%s.role_arn: is missing; source: assume-role needs it" $name) -}}
{{- end -}}
{{- if and (eq $identity.source "key-file") (not $identity.path) (not (hasKey $values.keys $name)) -}}
{{- fail (printf "presignd.config.identity.%s: its key lies nowhere; name its Secret in presignd.keys.%s, or its path" $name $name) -}}
{{- end -}}
{{- end -}}
{{- range $at, $grant := $config.grant -}}
{{- $place := printf "presignd.config.grant[%d]" (add1 $at) -}}
{{- if ne (toJson $grant.identities) `["*"]` -}}
{{- range $grant.identities -}}
{{- if not (has . $known) -}}
{{- fail (printf "%s.identities: names %s, %s" $place . $there) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $who := list -}}
{{- range $key := list "uid" "gid" -}}
{{- if hasKey $grant $key -}}
{{- $who = append $who $key -}}
{{- if eq (int64 (index $grant $key)) 65534 -}}
{{- fail (printf "%s.%s: 65534 is what the kernel shows for everybody that it cannot name; run the caller as somebody" $place $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $grant.any -}}{{- $who = append $who "any" -}}{{- end -}}
{{- if not $who -}}
{{- fail (printf "%s: is for nobody; name uid, gid, or any: true" $place) -}}
{{- else if gt (len $who) 1 -}}
{{- fail (printf "%s: is for several (%s); a grant is for one of them" $place (join ", " $who)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
values, place, grace: the seconds after which the kubelet kills what it asked to stop. Beside an application nothing is under way
once that has ended, so only a drain that somebody asked for counts.
*/}}
{{- define "presignd-lib.check-drain" -}}
{{- $drain := dig "limits" "drain" "" .values.config | default (ternary "10s" "" (eq .place "node")) -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+ ?[a-z]+" $drain -1 -}}
{{- $unit := get (dict "s" 1 "m" 60 "h" 3600) (regexFind "[a-z]" .) | default 0 -}}
{{- $seconds = add $seconds (mul $unit (regexFind "[1-9][0-9]*" . | default "0" | int64)) -}}
{{- end -}}
{{- if and $drain (ge $seconds (int64 .grace)) -}}
{{- fail (printf "presignd.config.limits.drain: calls may go on for %s, and after %d seconds the kubelet kills the daemon; set a longer terminationGracePeriodSeconds, or a shorter drain" $drain (int64 .grace)) -}}
{{- end -}}
{{- end }}
