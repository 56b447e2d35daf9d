import { invariant } from '#lib/base/invariant.ts';
import { paddedBytes } from './bytes.ts';
import type { PaddedBytes } from './bytes.ts';
import { labelText } from './escape.ts';
import type { Family } from './family.ts';

/** What stands before and behind the label text of a row in the lines of one family. */
export interface LineParts {
  /** `name{` or, for a family without labels, `name `. */
  readonly head: PaddedBytes;
  /** For every combination of the family's own labels: `,reason="timeout"} `. */
  readonly tails: readonly PaddedBytes[];
  readonly tailBytesMax: number;
}

/** Names of the labels a family has beyond those of its table's rows. They stand behind them, in the family's order. */
export function ownLabels(family: Family, tableLabels: readonly string[]): readonly string[] {
  const names = Object.keys(family.labels);
  const fits = tableLabels.every((name, index) => names[index] === name);
  invariant(fits, `the labels of ${family.name} begin with those of its table: ${tableLabels.join(', ')}`);
  return names.slice(tableLabels.length);
}

/** Every combination of the values of closed labels, the last label changing fastest. One empty combination for no labels. */
export function combinations(family: Family, names: readonly string[]): readonly (readonly string[])[] {
  let found: (readonly string[])[] = [[]];
  for (const name of names) {
    const values = family.labels[name];
    invariant(values !== undefined && values !== 'any', `the label ${name} of ${family.name} lists its values`);
    found = found.flatMap((before) => values.map((value) => [...before, value]));
  }
  return found;
}

export function lineParts(
  name: string,
  tableLabels: readonly string[],
  own: readonly string[],
  values: readonly (readonly string[])[],
): LineParts {
  const bare = tableLabels.length + own.length === 0;
  const comma = tableLabels.length > 0 && own.length > 0 ? ',' : '';
  const tails = values.map((combination) => paddedBytes(bare ? '' : `${comma}${labelText(own, combination)}} `));
  return { head: paddedBytes(bare ? `${name} ` : `${name}{`), tails, tailBytesMax: Math.max(...tails.map((tail) => tail.length)) };
}
