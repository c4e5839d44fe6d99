{{- define "farlet.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "farlet.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "farlet.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "farlet.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* objects of the whole cluster carry the namespace, as two releases may have one name */}}
{{- define "farlet.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "farlet.fullname" .) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "farlet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "farlet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "farlet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "farlet.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* labels and annotations of an object: (dict "root" $ "labels" more "annotations" more) */}}
{{- define "farlet.meta" -}}
labels:
  {{- toYaml (mustMergeOverwrite (include "farlet.labels" .root | fromYaml) (.labels | default dict)) | nindent 2 }}
{{- with mustMergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "farlet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "farlet.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "farlet.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* the account of the hook that drains nodes */}}
{{- define "farlet.drainName" -}}
{{- printf "%s-drain" (include "farlet.fullname" .) }}
{{- end }}

{{- define "farlet.sshSecret" -}}
{{- .Values.ssh.existingSecret | default (printf "%s-ssh" (include "farlet.fullname" .)) }}
{{- end }}

{{- define "farlet.tlsSecret" -}}
{{- .Values.tls.existingSecret | default (printf "%s-tls" (include "farlet.fullname" .)) }}
{{- end }}

{{- define "farlet.metricsPort" -}}
{{- if hasKey .Values.config "metricsPort" }}{{ .Values.config.metricsPort | int }}{{ else }}9464{{ end }}
{{- end }}

{{- define "farlet.healthzPort" -}}
{{- if hasKey .Values.config "healthzPort" }}{{ .Values.config.healthzPort | int }}{{ else }}10248{{ end }}
{{- end }}

{{- /* what the schema can't say; every sentence begins with the key and ends with what to do */}}
{{- define "farlet.validate" -}}
{{- $v := .Values }}
{{- if not $v.config.nodes }}
{{- fail "config.nodes: there is none; name at least one node with a host, as in\n\nconfig:\n  nodes:\n  - name: edge-1\n    hosts:\n    - {name: box-1, endpoint: ssh://farlet@198.51.100.9/run/containerd/containerd.sock}\n" }}
{{- end }}
{{- range $n, $node := $v.config.nodes }}
{{- range $h, $host := $node.hosts }}
{{- $at := printf "config.nodes[%d].hosts[%d]" $n $h }}
{{- if hasPrefix "unix:" $host.endpoint }}
{{- fail (printf "%s.endpoint: %s: the image has no shell and its pod no rights on its machine; reach the host by ssh, also if it is the machine that farlet's pod is on" $at $host.endpoint) }}
{{- else if not (or (hasPrefix "ssh://" $host.endpoint) (hasPrefix "tcp://" $host.endpoint)) }}
{{- fail (printf "%s.endpoint: %s: use ssh://user@host/path/to.sock or tcp://host:port" $at $host.endpoint) }}
{{- end }}
{{- if and $host.ssh (not (hasPrefix "ssh://" $host.endpoint)) }}
{{- fail (printf "%s.ssh: only ssh endpoints have it, and this one is %s" $at $host.endpoint) }}
{{- end }}
{{- if and $host.tls (not (hasPrefix "tcp://" $host.endpoint)) }}
{{- fail (printf "%s.tls: only tcp endpoints have it, and this one is %s" $at $host.endpoint) }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq (include "farlet.healthzPort" .) "0" }}
{{- fail "config.healthzPort: the probes of farlet's pod need it; leave it out" }}
{{- end }}
{{- $secrets := include "farlet.hostSecrets" . | fromJson }}
{{- with $v.ssh }}
{{- if and .existingSecret (or .privateKey .knownHosts) }}
{{- fail "ssh: existingSecret is given and privateKey or knownHosts too; take one of both" }}
{{- end }}
{{- if and (hasKey $secrets.ssh (include "farlet.sshSecret" $)) (not .existingSecret) (not (and .privateKey .knownHosts)) }}
{{- fail "ssh: a host over ssh has no key; set ssh.existingSecret (a Secret with ssh-privatekey and known_hosts), or ssh.privateKey and ssh.knownHosts:\n\n  kubectl create secret generic farlet-ssh --from-file=ssh-privatekey=id_ed25519 --from-file=known_hosts=known_hosts\n" }}
{{- end }}
{{- end }}
{{- with $v.tls }}
{{- if and .existingSecret (or .ca .cert .key) }}
{{- fail "tls: existingSecret is given and ca, cert or key too; take one of both" }}
{{- end }}
{{- if and (hasKey $secrets.tls (include "farlet.tlsSecret" $)) (not .existingSecret) (not (and .ca .cert .key)) }}
{{- fail "tls: a host over tcp has no certificates; set tls.existingSecret (a Secret with ca.crt, tls.crt and tls.key), or tls.ca, tls.cert and tls.key" }}
{{- end }}
{{- end }}
{{- if and $v.clientCA.pem $v.clientCA.existingConfigMap }}
{{- fail "clientCA: pem and existingConfigMap are both given; take one" }}
{{- end }}
{{- if and (or $v.podMonitor.enabled $v.serviceMonitor.enabled) (eq (include "farlet.metricsPort" .) "0") }}
{{- fail "config.metricsPort: 0 is no port, and podMonitor or serviceMonitor is enabled; leave it out" }}
{{- end }}
{{- if and $v.serviceMonitor.enabled (not $v.service.enabled) }}
{{- fail "serviceMonitor.enabled: it needs service.enabled; take podMonitor, or both" }}
{{- end }}
{{- if and (eq $v.onUninstall "drain") (not $v.rbac.create) (not $v.drain.serviceAccountName) }}
{{- fail "onUninstall: drain needs an account that may do it, and rbac.create is false; set drain.serviceAccountName (docs/rbac.md has its rights)" }}
{{- end }}
{{- with $v.podDisruptionBudget }}
{{- if and (hasKey . "minAvailable") (hasKey . "maxUnavailable") }}
{{- fail "podDisruptionBudget: minAvailable and maxUnavailable are both given; take one" }}
{{- end }}
{{- end }}
{{- end }}

{{- /* JSON: which Secrets hosts need, by kind and name; ones whose files are all named need none */}}
{{- define "farlet.hostSecrets" -}}
{{- $ssh := dict }}
{{- $tls := dict }}
{{- range $node := .Values.config.nodes }}
{{- range $host := $node.hosts }}
{{- if hasPrefix "ssh://" $host.endpoint }}
{{- $own := $host.ssh | default dict }}
{{- if not (and $own.privateKeyFile $own.knownHostsFile) }}
{{- $_ := set $ssh ($own.secretName | default (include "farlet.sshSecret" $)) true }}
{{- end }}
{{- else if hasPrefix "tcp://" $host.endpoint }}
{{- $own := $host.tls | default dict }}
{{- if not (and $own.caFile $own.certFile $own.keyFile) }}
{{- $_ := set $tls ($own.secretName | default (include "farlet.tlsSecret" $)) true }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- dict "ssh" $ssh "tls" $tls | toJson }}
{{- end }}

{{- /* the CA of the API server's client certificate, of the cluster at hand; empty where none can be asked */}}
{{- define "farlet.clientCA" -}}
{{- if .Values.clientCA.pem }}
{{- .Values.clientCA.pem }}
{{- else if not .Values.clientCA.existingConfigMap }}
{{- $known := lookup "v1" "ConfigMap" "kube-system" "extension-apiserver-authentication" | default dict }}
{{- get ($known.data | default dict) "client-ca-file" }}
{{- end }}
{{- end }}

{{- /* farlet's configuration file: the words of the values, and what the chart knows */}}
{{- define "farlet.config" -}}
{{- $config := deepCopy .Values.config }}
{{- range $n, $node := $config.nodes }}
{{- if not (hasKey $node "port") }}{{ $_ := set $node "port" (add 10250 $n) }}{{ end }}
{{- range $host := $node.hosts }}
{{- if hasPrefix "ssh://" $host.endpoint }}
{{- $own := $host.ssh | default dict }}
{{- $at := printf "/etc/farlet/ssh/%s" ($own.secretName | default (include "farlet.sshSecret" $)) }}
{{- $_ := set $host "ssh" (dict "privateKeyFile" ($own.privateKeyFile | default (printf "%s/ssh-privatekey" $at)) "knownHostsFile" ($own.knownHostsFile | default (printf "%s/known_hosts" $at))) }}
{{- else }}
{{- $own := $host.tls | default dict }}
{{- $at := printf "/etc/farlet/tls/%s" ($own.secretName | default (include "farlet.tlsSecret" $)) }}
{{- $_ := set $host "tls" (dict "caFile" ($own.caFile | default (printf "%s/ca.crt" $at)) "certFile" ($own.certFile | default (printf "%s/tls.crt" $at)) "keyFile" ($own.keyFile | default (printf "%s/tls.key" $at))) }}
{{- end }}
{{- end }}
{{- end }}
{{- $authentication := $config.authentication | default dict }}
{{- $x509 := $authentication.x509 | default dict }}
{{- if not $x509.clientCAFile }}
{{- $_ := set $config "authentication" (mustMergeOverwrite (dict) $authentication (dict "x509" (dict "clientCAFile" "/etc/farlet/client-ca/ca.crt"))) }}
{{- end }}
{{- /* whoever scrapes comes from elsewhere; networkPolicy.metricsFrom says who may */}}
{{- if not (hasKey $config "metricsBindAddress") }}{{ $_ := set $config "metricsBindAddress" "0.0.0.0" }}{{ end }}
{{- if not (hasKey $config "healthzBindAddress") }}{{ $_ := set $config "healthzBindAddress" "0.0.0.0" }}{{ end }}
{{- if not (hasKey $config "clusterDNS") }}
{{- $dns := lookup "v1" "Service" "kube-system" "kube-dns" | default dict }}
{{- with get ($dns.spec | default dict) "clusterIP" }}{{ $_ := set $config "clusterDNS" (list .) }}{{ end }}
{{- end }}
{{- if .Values.servingCertificate.existingSecret }}
{{- $_ := set $config "tlsCertFile" "/etc/farlet/serving/tls.crt" }}
{{- $_ := set $config "tlsPrivateKeyFile" "/etc/farlet/serving/tls.key" }}
{{- end }}
apiVersion: farlet.dev/v1alpha1
kind: FarletConfiguration
{{ toYaml $config }}
{{- end }}

{{- /* whether the configuration has clientCAFile, and so no volume of the chart's is needed for it */}}
{{- define "farlet.hasOwnClientCA" -}}
{{- dig "authentication" "x509" "clientCAFile" "" .Values.config }}
{{- end }}

{{- define "farlet.volumes" -}}
- name: config
  configMap:
    name: {{ include "farlet.fullname" . }}
    items: [{key: farlet.yaml, path: farlet.yaml}]
{{- if not (include "farlet.hasOwnClientCA" .) }}
- name: client-ca
  configMap:
    {{- if .Values.clientCA.existingConfigMap }}
    name: {{ .Values.clientCA.existingConfigMap }}
    items: [{key: {{ .Values.clientCA.key | quote }}, path: ca.crt}]
    {{- else if include "farlet.clientCA" . }}
    name: {{ include "farlet.fullname" . }}
    items: [{key: client-ca.crt, path: ca.crt}]
    {{- else }}
    name: kube-root-ca.crt
    items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
{{- end }}
{{- $secrets := include "farlet.hostSecrets" . | fromJson }}
{{- range $kind := list "ssh" "tls" }}
{{- range $index, $name := keys (get $secrets $kind) | sortAlpha }}
- name: {{ $kind }}-{{ $index }}
  secret:
    secretName: {{ $name }}
    defaultMode: 0400
{{- end }}
{{- end }}
{{- with .Values.servingCertificate.existingSecret }}
- name: serving
  secret:
    secretName: {{ . }}
    defaultMode: 0400
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "farlet.volumeMounts" -}}
- {name: config, mountPath: /etc/farlet/config, readOnly: true}
{{- if not (include "farlet.hasOwnClientCA" .) }}
- {name: client-ca, mountPath: /etc/farlet/client-ca, readOnly: true}
{{- end }}
{{- $secrets := include "farlet.hostSecrets" . | fromJson }}
{{- range $kind := list "ssh" "tls" }}
{{- range $index, $name := keys (get $secrets $kind) | sortAlpha }}
- {name: {{ $kind }}-{{ $index }}, mountPath: /etc/farlet/{{ $kind }}/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- if .Values.servingCertificate.existingSecret }}
- {name: serving, mountPath: /etc/farlet/serving, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* what the pod of farlet and that of helm test share */}}
{{- define "farlet.podSpec" -}}
serviceAccountName: {{ include "farlet.serviceAccountName" . }}
{{ include "farlet.podPlace" . }}
volumes:
  {{- include "farlet.volumes" . | nindent 2 }}
{{- end }}

{{- /* where pods of the chart run, and as whom on their machine */}}
{{- define "farlet.podPlace" -}}
securityContext:
  {{- include "farlet.podSecurityContext" . | nindent 2 }}
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
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
  {{- if .Values.affinity }}
  {{- toYaml .Values.affinity | nindent 2 }}
  {{- else }}
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: type, operator: NotIn, values: [virtual-kubelet]}
  {{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
dnsPolicy: {{ .Values.dnsPolicy }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
enableServiceLinks: false
{{- end }}

{{- define "farlet.env" -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "farlet.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "farlet.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
