{{- define "switchback.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "switchback.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "switchback.labels" -}}
{{ include "switchback.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "switchback.scheme" -}}
{{ ternary "HTTPS" "HTTP" .Values.tls.enabled }}
{{- end }}

{{/* What does not fit together is refused before anything changes. */}}
{{- define "switchback.check" -}}
{{- if and (not .Values.tls.enabled) .Values.tls.secretName }}
  {{- fail "tls.enabled: false and tls.secretName exclude each other" }}
{{- end }}
{{- if and .Values.storage.bucket .Values.storage.existingClaim }}
  {{- fail "storage.bucket and storage.existingClaim exclude each other" }}
{{- end }}
{{- if and .Values.storage.bucket (not (hasPrefix "s3://" .Values.storage.bucket)) }}
  {{- fail "storage.bucket must be s3://BUCKET or s3://BUCKET/PREFIX" }}
{{- end }}
{{- if gt (int .Values.replicas) 1 }}
  {{- if not .Values.database.existingSecret }}
    {{- fail "more than one replica needs database.existingSecret: each would have a database of its own" }}
  {{- end }}
  {{- if not (or .Values.storage.bucket .Values.storage.existingClaim) }}
    {{- fail "more than one replica needs storage.bucket or storage.existingClaim: each would have Artifacts of its own" }}
  {{- end }}
{{- end }}
{{- if and .Values.database.existingSecret .Values.tls.enabled (not .Values.tls.secretName) }}
  {{- fail "with database.existingSecret, set tls.secretName or tls.enabled=false: the server's own authority would be lost with the pod" }}
{{- end }}
{{- if and .Values.database.existingSecret (not (or .Values.storage.bucket .Values.storage.existingClaim)) }}
  {{- fail "with database.existingSecret, set storage.bucket or storage.existingClaim: Artifacts would be lost with the pod" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}
  {{- fail "ingress.enabled needs ingress.host" }}
{{- end }}
{{- end }}

{{- define "switchback.environment" -}}
- { name: SWITCHBACK_DATA, value: /data }
- { name: SWITCHBACK_LISTEN, value: ":8443" }
- { name: SWITCHBACK_LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: SWITCHBACK_ADMIN, value: {{ .Values.admin.email | quote }} }
{{- if .Values.admin.existingSecret }}
- { name: SWITCHBACK_ADMIN_PASSWORD_FILE, value: /secrets/admin/password }
{{- end }}
{{- with .Values.url }}
- { name: SWITCHBACK_URL, value: {{ . | quote }} }
{{- end }}
{{- if not .Values.tls.enabled }}
- { name: SWITCHBACK_TLS, value: "off" }
{{- else if .Values.tls.secretName }}
- { name: SWITCHBACK_TLS, value: "/secrets/tls/tls.crt,/secrets/tls/tls.key" }
{{- end }}
{{- with .Values.trustProxy }}
- { name: SWITCHBACK_TRUST_PROXY, value: {{ join "," . | quote }} }
{{- end }}
{{- if .Values.database.existingSecret }}
- name: SWITCHBACK_DATABASE
  valueFrom:
    secretKeyRef: { name: {{ .Values.database.existingSecret | quote }}, key: {{ .Values.database.key | quote }} }
- { name: SWITCHBACK_DATABASE_CONNECTIONS, value: {{ .Values.database.connections | quote }} }
{{- end }}
{{- with .Values.storage }}
{{- if .bucket }}
- { name: SWITCHBACK_STORAGE, value: {{ .bucket | quote }} }
- { name: SWITCHBACK_STORAGE_LINKS, value: {{ .links | quote }} }
{{- with .endpoint }}
- { name: SWITCHBACK_STORAGE_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- with .region }}
- { name: SWITCHBACK_STORAGE_REGION, value: {{ . | quote }} }
{{- end }}
{{- if .existingSecret }}
- name: SWITCHBACK_STORAGE_ACCESS_KEY
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret | quote }}, key: access-key }
- name: SWITCHBACK_STORAGE_SECRET_KEY
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret | quote }}, key: secret-key }
{{- end }}
{{- else if .existingClaim }}
- { name: SWITCHBACK_STORAGE, value: /artifacts }
{{- end }}
{{- end }}
{{- if .Values.metrics.enabled }}
- { name: SWITCHBACK_METRICS_LISTEN, value: {{ printf ":%d" (int .Values.metrics.port) | quote }} }
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "switchback.pod" -}}
metadata:
  labels:
    {{- include "switchback.labels" . | nindent 4 }}
  annotations:
    {{- if and .Values.metrics.enabled .Values.metrics.annotations }}
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .Values.metrics.port | quote }}
    prometheus.io/path: /metrics
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "switchback.name" . }}
  automountServiceAccountToken: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  # The server answers what it was asked before it ends. Uploads take their time.
  terminationGracePeriodSeconds: 150
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "switchback.selector" . | nindent 10 }}
  containers:
    - name: server
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      env:
        {{- include "switchback.environment" . | nindent 8 }}
      ports:
        - { name: api, containerPort: 8443 }
        {{- if .Values.metrics.enabled }}
        - { name: metrics, containerPort: {{ .Values.metrics.port }} }
        {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      # The first start makes a database. A database that is away keeps the server from starting, so this is patient.
      startupProbe:
        httpGet: { path: /healthz, port: api, scheme: {{ include "switchback.scheme" . }} }
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: { path: /healthz, port: api, scheme: {{ include "switchback.scheme" . }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: api, scheme: {{ include "switchback.scheme" . }} }
        periodSeconds: 5
        timeoutSeconds: 5
      lifecycle:
        preStop:
          # Until the balancers have heard of it.
          exec: { command: [sleep, "5"] }
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /data }
        - { name: tmp, mountPath: /tmp }
        {{- if .Values.storage.existingClaim }}
        - { name: artifacts, mountPath: /artifacts }
        {{- end }}
        {{- if .Values.tls.secretName }}
        - { name: tls, mountPath: /secrets/tls, readOnly: true }
        {{- end }}
        {{- if .Values.admin.existingSecret }}
        - { name: admin, mountPath: /secrets/admin, readOnly: true }
        {{- end }}
  volumes:
    - { name: tmp, emptyDir: {} }
    {{- if .Values.database.existingSecret }}
    - { name: data, emptyDir: {} }
    {{- end }}
    {{- with .Values.storage.existingClaim }}
    - name: artifacts
      persistentVolumeClaim: { claimName: {{ . | quote }} }
    {{- end }}
    {{- with .Values.tls.secretName }}
    - name: tls
      secret: { secretName: {{ . | quote }} }
    {{- end }}
    {{- with .Values.admin.existingSecret }}
    - name: admin
      secret: { secretName: {{ . | quote }} }
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
