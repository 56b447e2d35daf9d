/** A label value between its quotes: backslash, double quote and line feed are escaped in both formats. */
function escapeLabelValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** HELP text of the text format: backslash and line feed. */
export function escapeTextHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

/** HELP text of OpenMetrics: the double quote too. */
export function escapeOpenMetricsHelp(help: string): string {
  return escapeTextHelp(help).replaceAll('"', '\\"');
}

/** `name="value",…` without braces; empty for no labels. */
export function labelText(names: readonly string[], values: readonly string[]): string {
  return names.map((name, index) => `${name}="${escapeLabelValue(values[index] ?? '')}"`).join(',');
}
