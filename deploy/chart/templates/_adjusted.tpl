{{/* An object of the manifests as YAML, changed by the values. */}}
{{- define "podwire.adjusted" -}}
{{- $values := .root.Values -}}
{{- $object := .object -}}
{{- if eq $object.kind "Namespace" -}}
{{- if $values.exec }}{{ $_ := set $object.metadata.labels "pod-security.kubernetes.io/enforce" "restricted" }}{{ end -}}
{{- else if and (has $object.kind (list "Role" "RoleBinding")) (eq $object.metadata.namespace "kube-system") -}}
{{- include "podwire.configMapRight" . -}}
{{- else if has $object.kind (list "Deployment" "DaemonSet" "StatefulSet") -}}
{{- include "podwire.workload" . -}}
{{- end -}}
{{- toYaml $object -}}
{{- end }}

{{/* The one ConfigMap that may be read is the one that the settings name. */}}
{{- define "podwire.configMapRight" -}}
{{- $settings := fromYaml (include "podwire.settings" .root) -}}
{{- $named := splitn "/" 2 $settings.PODWIRE_CONFIGMAP -}}
{{- $_ := set .object.metadata "namespace" $named._0 -}}
{{- range .object.rules }}{{ $_ := set . "resourceNames" (list $named._1) }}{{ end -}}
{{- end }}

{{- define "podwire.workload" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $object := .object -}}
{{- $part := trimPrefix "podwire-" $object.metadata.name -}}
{{- $template := $object.spec.template -}}
{{- $pod := $template.spec -}}
{{- $container := index $pod.containers 0 -}}
{{- $_ := set $container "image" (get $values.images (get (dict "watcher" "controlPlane" "orchestrator" "controlPlane" "ksr" "controlPlane" "node" "node" "temporal" "temporal" "etcd" "etcd") $part)) -}}
{{- $_ := set $container "imagePullPolicy" $values.imagePullPolicy -}}
{{- if $values.imagePullSecrets }}{{ $_ := set $pod "imagePullSecrets" $values.imagePullSecrets }}{{ end -}}
{{- if eq $part "node" }}{{ include "podwire.cniServer" (dict "root" $root "pod" $pod "container" $container) }}{{ end -}}
{{- with get $values.resources $part }}{{ $_ := set $container "resources" . }}{{ end -}}
{{- with get $values.nodeSelector $part }}{{ $_ := set $pod "nodeSelector" . }}{{ end -}}
{{- with get $values.tolerations $part }}{{ $_ := set $pod "tolerations" . }}{{ end -}}
{{- if eq $part "orchestrator" }}{{ $_ := set $object.spec "replicas" $values.orchestratorReplicas }}{{ end -}}
{{- if and (eq $part "node") $values.privileged }}{{ $_ := set $container "securityContext" (dict "privileged" true "readOnlyRootFilesystem" true "runAsUser" 0) }}{{ end -}}
{{- if and $values.storageClass (eq $object.kind "StatefulSet") -}}
{{- range $object.spec.volumeClaimTemplates }}{{ $_ := set .spec "storageClassName" $values.storageClass }}{{ end -}}
{{- end -}}
{{- if ne $object.kind "StatefulSet" -}}
{{- $_ := set $template.metadata.annotations "checksum/settings" (printf "%s%s" (include "podwire.settings" $root) $values.ksrEtcdConf | sha256sum) -}}
{{- include "podwire.secrets" (dict "secrets" $values.secrets "pod" $pod "container" $container "part" $part) -}}
{{- end -}}
{{- end }}

{{/* What the components cni-server, primary and cni-server-removal change of the node workers, where they are wanted: their own patches, merged as kustomize does it. */}}
{{- define "podwire.cniServer" -}}
{{- $values := .root.Values -}}
{{- $components := list -}}
{{- if or $values.cniServer $values.primary }}{{ $components = append $components "cni-server" }}{{ end -}}
{{- if $values.primary }}{{ $components = append $components "primary" }}{{ end -}}
{{- if $values.cniServerRemoval }}{{ $components = append $components "cni-server-removal" }}{{ end -}}
{{- range $components -}}
{{- $patch := (fromYaml ($.root.Files.Get (printf "components/%s/node.yaml" .))).spec.template.spec -}}
{{- include "podwire.patched" (dict "patch" $patch "pod" $.pod "container" $.container "values" $values) -}}
{{- end -}}
{{- end }}

{{- define "podwire.patched" -}}
{{- $values := .values -}}
{{- $patch := .patch -}}
{{- $pod := .pod -}}
{{- $container := .container -}}
{{- if hasKey $patch "automountServiceAccountToken" }}{{ $_ := set $pod "automountServiceAccountToken" $patch.automountServiceAccountToken }}{{ end -}}
{{- range $patch.initContainers -}}
{{- $_ := set . "image" $values.images.node -}}
{{- $_ := set . "imagePullPolicy" $values.imagePullPolicy -}}
{{- end -}}
{{- with $patch.initContainers }}{{ $_ := set $pod "initContainers" . }}{{ end -}}
{{- with $patch.volumes }}{{ $_ := set $pod "volumes" (concat . $pod.volumes) }}{{ end -}}
{{- range $patch.containers -}}
{{- $_ := set $container "env" (concat .env $container.env) -}}
{{- $mounts := .volumeMounts -}}
{{- $paths := list -}}
{{- range .volumeMounts }}{{ $paths = append $paths .mountPath }}{{ end -}}
{{- range $container.volumeMounts }}{{ if not (has .mountPath $paths) }}{{ $mounts = append $mounts . }}{{ end }}{{ end -}}
{{- $_ := set $container "volumeMounts" $mounts -}}
{{- end -}}
{{- end }}

{{/* Files and variables from Secrets, as the components temporal-tls, temporal-api-key, etcd-tls and etcd-user have them. */}}
{{- define "podwire.secrets" -}}
{{- $secrets := .secrets -}}
{{- $pod := .pod -}}
{{- $container := .container -}}
{{- range list (list "temporal-tls" $secrets.temporalTls) (list "etcd-tls" $secrets.etcdTls) (list "temporal-api-key" $secrets.temporalApiKey) (list "etcd-user" $secrets.etcdUser) -}}
{{- if last . -}}
{{- $_ := set $pod "volumes" (append $pod.volumes (dict "name" (first .) "secret" (dict "secretName" (last .)))) -}}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" (first .) "mountPath" (printf "/etc/podwire/%s" (first .)) "readOnly" true)) -}}
{{- end -}}
{{- end -}}
{{- if $secrets.etcdUser -}}
{{- $user := dict "secretKeyRef" (dict "name" $secrets.etcdUser "key" "username") -}}
{{- if eq .part "ksr" -}}
{{- $_ := set $container "env" (append $container.env (dict "name" "PODWIRE_REFLECT_ETCD_USER" "valueFrom" $user)) -}}
{{- $_ := set $container "env" (append $container.env (dict "name" "PODWIRE_REFLECT_ETCD_PASSWORD_FILE" "value" "/etc/podwire/etcd-user/password")) -}}
{{- else -}}
{{- $_ := set $container "env" (append $container.env (dict "name" "PODWIRE_ETCD_USER" "valueFrom" $user)) -}}
{{- end -}}
{{- end -}}
{{- end }}
