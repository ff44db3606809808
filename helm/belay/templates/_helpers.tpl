{{- define "belay.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "belay.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "belay.labels" -}}
{{ include "belay.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: belay
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "belay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "belay.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "belay.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* "true" where MutatingAdmissionPolicy objects are to be rendered. `helm template` knows no cluster: pass
--api-versions admissionregistration.k8s.io/v1/MutatingAdmissionPolicy, or set Always. */}}
{{- define "belay.mutatingPolicies" -}}
{{- $mode := .Values.admission.mutatingPolicies -}}
{{- $served := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- if and .Values.admission.enabled (or (eq $mode "Always") (and (eq $mode "Auto") $served)) -}}true{{- end -}}
{{- end -}}

{{/* Policies concern the watched namespaces only. */}}
{{- define "belay.policyNamespaces" -}}
{{- with .Values.watchNamespaces }}
matchResources:
  namespaceSelector:
    matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: In
      values: {{ toJson . }}
{{- end }}
{{- end -}}

{{/* Rules on user objects: what the generator found in the code, less what an account of the set's own must bring. */}}
{{- define "belay.namespacedRules" -}}
{{- $rules := .Files.Get "files/rbac-rules.yaml" | fromYaml -}}
{{ toYaml $rules.own }}
{{ toYaml $rules.watch }}
{{- if not .Values.controller.requireServiceAccount }}
{{ toYaml $rules.act }}
{{- else }}
# Holds are written by the controller itself, whatever account a set names.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create, delete, patch]
{{- end }}
{{- if .Values.impersonation.enabled }}
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [impersonate]
  {{- if not (has "*" .Values.impersonation.serviceAccounts) }}
  resourceNames: {{ toJson .Values.impersonation.serviceAccounts }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "belay.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "belay.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
