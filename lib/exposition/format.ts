import { escapeOpenMetricsHelp, escapeTextHelp } from './escape.ts';
import { openMetricsName } from './family.ts';
import type { Family, FamilyKind } from './family.ts';

/** Text 0.0.4 or OpenMetrics 1.0. Sample lines are the same in both; only metadata and the end differ. */
export type Format = 'text' | 'openmetrics';

const textType: Readonly<Record<FamilyKind, string>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  info: 'gauge',
  stateset: 'gauge',
  unknown: 'untyped',
};

/** HELP, TYPE and UNIT lines of a family. */
export function metadataText(family: Family, format: Format): string {
  if (format === 'text') {
    return `# HELP ${family.name} ${escapeTextHelp(family.help)}\n# TYPE ${family.name} ${textType[family.kind]}\n`;
  }
  const name = openMetricsName(family);
  const unit = family.unit === undefined ? '' : `# UNIT ${name} ${family.unit}\n`;
  return `# TYPE ${name} ${family.kind}\n${unit}# HELP ${name} ${escapeOpenMetricsHelp(family.help)}\n`;
}

/** What ends a body. Without it an OpenMetrics answer is invalid as a whole; the text format just ends. */
export function endText(format: Format): string {
  return format === 'openmetrics' ? '# EOF\n' : '';
}
