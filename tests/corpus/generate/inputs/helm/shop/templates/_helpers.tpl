{{- define "shop.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "shop.dockerconfig" -}}
{{- with .Values.registry -}}
{{- printf "{\"auths\":{%q:{\"username\":%q,\"password\":%q,\"auth\":%q}}}" .host .user .password (printf "%s:%s" .user .password | b64enc) | b64enc -}}
{{- end -}}
{{- end }}
