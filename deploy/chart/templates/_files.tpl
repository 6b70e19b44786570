{{/* Objects of one file of the manifests, each adjusted; what they name podwire-system is the release's namespace. */}}
{{- define "podwire.file" -}}
{{- $root := .root -}}
{{- $text := $root.Files.Get .file | required (printf "%s is not in the chart: the links base, components and evaluation must lead to podwire's manifests" .file) -}}
{{- range splitList "\n---\n" (replace "podwire-system" $root.Release.Namespace $text) }}
---
{{ include "podwire.adjusted" (dict "root" $root "object" (fromYaml .)) }}
{{- end }}
{{- end }}

{{/* Adds the settings of a file (NAME=value per line) to a dict. */}}
{{- define "podwire.addSettings" -}}
{{- $into := .into -}}
{{- range splitList "\n" (.root.Files.Get .file) -}}
{{- if and . (not (hasPrefix "#" .)) -}}
{{- $pair := splitn "=" 2 . -}}
{{- $_ := set $into $pair._0 (replace "podwire-system" $.root.Release.Namespace $pair._1) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Data of the ConfigMap podwire-settings, as YAML. */}}
{{- define "podwire.settings" -}}
{{- $data := dict -}}
{{- $values := .Values -}}
{{- $files := list "base/settings.env" -}}
{{- if $values.evaluation }}{{ $files = append $files "evaluation/settings.env" }}{{ end -}}
{{- if $values.secrets.temporalTls }}{{ $files = append $files "components/temporal-tls/settings.env" }}{{ end -}}
{{- if $values.secrets.etcdTls }}{{ $files = append $files "components/etcd-tls/settings.env" }}{{ end -}}
{{- if $values.secrets.temporalApiKey }}{{ $files = append $files "components/temporal-api-key/settings.env" }}{{ end -}}
{{- if $values.secrets.etcdUser }}{{ $files = append $files "components/etcd-user/settings.env" }}{{ end -}}
{{- if $values.exec }}{{ $files = append $files "components/exec/settings.env" }}{{ end -}}
{{- if $values.kaloom }}{{ $files = append $files "components/kaloom/settings.env" }}{{ end -}}
{{- if $values.reflect }}{{ $files = append $files "components/reflect/settings.env" }}{{ end -}}
{{- if not $values.npwg }}{{ $files = append $files "components/without-npwg/settings.env" }}{{ end -}}
{{- range $files }}{{ include "podwire.addSettings" (dict "root" $ "file" . "into" $data) }}{{ end -}}
{{- toYaml (mergeOverwrite $data $values.settings) -}}
{{- end }}
