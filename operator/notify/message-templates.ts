/** Alerts that one message lists; of the others it tells the number. */
const alertsListedMax = 10;

/**
 * Characters of one text in a Telegram message. A message may have 4,096, counted with its markup before it is sent, and one that is longer
 * is lost as a whole: 10 alerts × (place + description + time) and the head stay below it, even when every text needs escaping.
 */
const telegramPlaceMax = 60;
const telegramDescriptionMax = 200;
const telegramHeadMax = 120;

/** More characters than this which HTML has to escape, each up to five times as long then, are replaced before they are escaped. */
const telegramEscapesMax = 8;

const mailDescriptionMax = 2_000;
const mailLabelMax = 200;
const subjectMax = 120;

const escaped = `[<>&+'\\"]`;
const plain = `[^<>&+'\\"]`;

/** A text within a Telegram message, cut to `max` characters and marked where it was cut. Alertmanager runs it through its HTML engine, which escapes what is left. */
const telegramText = (name: string, max: number): string =>
  `{{ define "${name}" -}}
{{- if match "(${escaped}${plain}*){${telegramEscapesMax + 1}}" . }}{{ reReplaceAll "${escaped}" "·" . | printf "%.${max}s" -}}
{{- else }}{{ printf "%.${max}s" . }}{{ end -}}
{{- if match "^[\\\\s\\\\S]{${max + 1}}" . }}…{{ end -}}
{{- end }}`;

const place = (text: (label: string) => string): string =>
  ['terminal', 'cash_register', 'pair', 'member', 'device']
    .map((label) => `{{ if .Labels.${label} }}, ${label.replace('_', ' ')} ${text(`.Labels.${label}`)}{{ end }}`)
    .join('');

const since = '{{ .StartsAt.UTC.Format "2006-01-02 15:04:05" }} UTC';
const until = '{{ .EndsAt.UTC.Format "2006-01-02 15:04:05" }} UTC';

const telegramAlert = `{{ define "hallkeeper.telegram.alert" -}}
• {{ if .Labels.hall }}hall {{ template "hallkeeper.telegram.place" .Labels.hall }}{{ else }}platform{{ end }}${place((label) => `{{ template "hallkeeper.telegram.place" ${label} }}`)}
{{ template "hallkeeper.telegram.description" .Annotations.description }}
{{ if eq .Status "firing" }}since ${since}{{ else }}from ${since} until ${until}{{ end }}
{{ end }}`;

const telegramMessage = `{{ define "hallkeeper.telegram" -}}
{{ if .Alerts.Firing }}🔴{{ else }}✅{{ end }} <b>{{ template "hallkeeper.telegram.head" .CommonAnnotations.summary }}</b>
{{ if .Alerts.Firing }}{{ len .Alerts.Firing }} firing{{ if .Alerts.Resolved }}, {{ len .Alerts.Resolved }} over{{ end }}{{ else }}All over{{ end }} · {{ template "hallkeeper.telegram.head" .GroupLabels.alertname }}

{{ if .Alerts.Firing -}}
{{ range $index, $alert := .Alerts.Firing }}{{ if lt $index ${alertsListedMax} }}{{ template "hallkeeper.telegram.alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) ${alertsListedMax} }}and {{ len (slice .Alerts.Firing ${alertsListedMax}) }} more
{{ end -}}
{{ else -}}
{{ range $index, $alert := .Alerts.Resolved }}{{ if lt $index ${alertsListedMax} }}{{ template "hallkeeper.telegram.alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Resolved) ${alertsListedMax} }}and {{ len (slice .Alerts.Resolved ${alertsListedMax}) }} more
{{ end -}}
{{ end }}
{{ if .CommonAnnotations.runbook_url }}<a href="{{ .CommonAnnotations.runbook_url }}">What to do</a> · {{ end }}<a href="{{ .ExternalURL }}">Alertmanager</a>
{{- end }}`;

const mailAlert = `{{ define "hallkeeper.email.alert" }}
* Where: {{ if .Labels.hall }}hall {{ printf "%.${mailLabelMax}s" .Labels.hall }}{{ else }}platform{{ end }}${place((label) => `{{ printf "%.${mailLabelMax}s" ${label} }}`)}
  {{ if eq .Status "firing" }}Since: ${since}{{ else }}From:  ${since} until ${until}{{ end }}
  {{ printf "%.${mailDescriptionMax}s" .Annotations.description }}
{{ end }}`;

const mailText = `{{ define "hallkeeper.email.text" -}}
What: {{ if .CommonAnnotations.summary }}{{ printf "%.${mailLabelMax}s" .CommonAnnotations.summary }}{{ else }}{{ printf "%.${mailLabelMax}s" .GroupLabels.alertname }}{{ end }}
Now:  {{ len .Alerts.Firing }} firing, {{ len .Alerts.Resolved }} over
{{ if .Alerts.Firing -}}
{{ range $index, $alert := .Alerts.Firing }}{{ if lt $index ${alertsListedMax} }}{{ template "hallkeeper.email.alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) ${alertsListedMax} }}
and {{ len (slice .Alerts.Firing ${alertsListedMax}) }} more
{{ end -}}
{{ else -}}
{{ range $index, $alert := .Alerts.Resolved }}{{ if lt $index ${alertsListedMax} }}{{ template "hallkeeper.email.alert" $alert }}{{ end }}{{ end -}}
{{ if gt (len .Alerts.Resolved) ${alertsListedMax} }}
and {{ len (slice .Alerts.Resolved ${alertsListedMax}) }} more
{{ end -}}
{{ end }}
{{ if .CommonAnnotations.runbook_url }}What to do:   {{ printf "%.${mailLabelMax}s" .CommonAnnotations.runbook_url }}
{{ end }}Alertmanager: {{ .ExternalURL }}
{{ end }}`;

const mailSubject = `{{ define "hallkeeper.email.subject" -}}
{{ if .Alerts.Firing }}[{{ len .Alerts.Firing }} firing]{{ else }}[over]{{ end -}}
{{ if .GroupLabels.hall }} {{ printf "%.${telegramPlaceMax}s" .GroupLabels.hall }}:{{ end }} {{ if .CommonAnnotations.summary -}}
{{ printf "%.${subjectMax}s" .CommonAnnotations.summary }}{{ else }}{{ printf "%.${subjectMax}s" .GroupLabels.alertname }}{{ end -}}
{{ end }}`;

/**
 * The template file that stands beside the configuration: what happened, where, since when, what to do, and a link. Labels and annotations
 * come from outside and may hold anything; Alertmanager escapes them for Telegram, and nothing in a plain text mail is markup.
 */
export const messageTemplates = `${[
  telegramText('hallkeeper.telegram.place', telegramPlaceMax),
  telegramText('hallkeeper.telegram.description', telegramDescriptionMax),
  telegramText('hallkeeper.telegram.head', telegramHeadMax),
  telegramAlert,
  telegramMessage,
  mailAlert,
  mailText,
  mailSubject,
].join('\n\n')}\n`;
