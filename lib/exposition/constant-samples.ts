import { invariant } from '#lib/base/invariant.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import { labelText } from './escape.ts';
import type { Family, LabelSpec, LabelsOf } from './family.ts';
import { valueText } from './number-text.ts';
import type { Samples } from './samples.ts';

/** A value with its labels, for families of few series that are put together at the scrape. */
export interface ConstantSample<L extends LabelSpec> {
  readonly labels: LabelsOf<L>;
  readonly value: number;
}

/** Samples made on the spot. Not for histograms, and not for fleets: those have tables. */
export function constantSamples<L extends LabelSpec>(family: Family<L>, samples: readonly ConstantSample<L>[]): Samples {
  invariant(family.kind !== 'histogram', `${family.name} is no histogram`);
  const names = Object.keys(family.labels);
  const lines = samples.map(({ labels, value }) => {
    const given = labels as Readonly<Record<string, string>>;
    const values = names.map((name) => given[name]);
    const whole = values.length === Object.keys(given).length && values.every((text) => typeof text === 'string');
    invariant(whole, `the labels of ${family.name} are exactly ${names.join(', ')}`);
    const text = names.length === 0 ? '' : `{${labelText(names, values)}}`;
    return `${family.name}${text} ${valueText(value)}\n`;
  });
  invariant(
    new Set(lines.map((line) => line.slice(0, line.lastIndexOf(' ')))).size === lines.length,
    `${family.name} has each series once`,
  );
  return {
    family,
    lines: lines.length,
    end: lines.length,
    write: (out, from) => writeTexts(out, lines, from),
  };
}

function writeTexts(out: ChunkWriter, lines: readonly string[], from: number): number {
  for (let index = from; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (!out.fits(Buffer.byteLength(line))) return index;
    out.text(line);
  }
  return lines.length;
}
