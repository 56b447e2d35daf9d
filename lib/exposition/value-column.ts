import { invariant } from '#lib/base/invariant.ts';
import { copyBytes } from './bytes.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import type { Family } from './family.ts';
import { combinations, lineParts, ownLabels } from './line-parts.ts';
import type { LineParts } from './line-parts.ts';
import { numberBytesMax, writeNumber } from './number-text.ts';
import type { Samples } from './samples.ts';
import type { SeriesTable, TableColumn } from './series-table.ts';
import { grown, noText } from './text-arena.ts';
import type { FrozenTexts } from './text-arena.ts';

const lineFeed = 0x0a;

/**
 * Numbers of one family for the rows of a table: one for every combination of the labels that the family has beyond the table's,
 * which must be closed lists. A value that was never set gives no line.
 */
export class ValueColumn implements TableColumn {
  readonly family: Family;
  readonly #table: SeriesTable;
  readonly #combinations: readonly (readonly string[])[];
  readonly #parts: LineParts;
  #values = new Float64Array(0);
  #present = new Uint8Array(0);
  #lines = 0;

  constructor(table: SeriesTable, family: Family) {
    const own = ownLabels(family, table.labelNames);
    this.family = family;
    this.#table = table;
    this.#combinations = combinations(family, own);
    this.#parts = lineParts(family.name, table.labelNames, own, this.#combinations);
    table.attach(this);
  }

  /** The number of a combination of the family's own labels, for `set` and `add`: values in the family's order. */
  variant(...values: readonly string[]): number {
    const found = this.#combinations.findIndex((combination) => combination.every((value, index) => value === values[index]));
    invariant(found >= 0 && values.length === this.#combinations[0]?.length, `${this.family.name} knows its label values`);
    return found;
  }

  set(row: number, value: number, variant = 0): void {
    const place = this.#place(row, variant);
    this.#values[place] = value;
    if (this.#present[place] === 1) return;
    this.#present[place] = 1;
    this.#lines += 1;
  }

  /** Adds to a value; one that was never set begins at 0. */
  add(row: number, amount: number, variant = 0): void {
    this.set(row, (this.get(row, variant) ?? 0) + amount, variant);
  }

  get(row: number, variant = 0): number | undefined {
    const place = this.#place(row, variant);
    return this.#present[place] === 1 ? this.#values[place] : undefined;
  }

  /** No reading any more, no lines. */
  clear(row: number): void {
    const variants = this.#combinations.length;
    for (let place = row * variants; place < (row + 1) * variants; place += 1) {
      if (this.#present[place] === 1) this.#lines -= 1;
      this.#present[place] = 0;
    }
  }

  grow(capacity: number): void {
    this.#values = grown(this.#values, capacity * this.#combinations.length);
    this.#present = grown(this.#present, capacity * this.#combinations.length);
  }

  freeze(): Samples {
    const places = this.#table.end * this.#combinations.length;
    const picture: ValuePicture = {
      parts: this.#parts,
      texts: this.#table.freeze(),
      values: this.#values.slice(0, places),
      present: this.#present.slice(0, places),
    };
    const end = this.#table.end;
    return { family: this.family, lines: this.#lines, end, write: (out, from) => writeValues(picture, out, from, end) };
  }

  #place(row: number, variant: number): number {
    invariant(this.#table.isLive(row), 'a value belongs to a row in use');
    return row * this.#combinations.length + variant;
  }
}

interface ValuePicture {
  readonly parts: LineParts;
  readonly texts: FrozenTexts;
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

// The loop that a scrape of a large fleet spends its time in: no allocation, no call that the engine cannot inline. A function and
// plain objects rather than a class: the shape of a class without instances dies at a collection of garbage between two scrapes, and
// the engine then throws away what it had compiled for it.
function writeValues({ parts, texts, values, present }: ValuePicture, out: ChunkWriter, from: number, end: number): number {
  const { head, tails, tailBytesMax } = parts;
  const { starts, ends } = texts;
  const labels = texts.view;
  const variants = tails.length;
  const lineBytesMax = head.length + tailBytesMax + numberBytesMax + 1;
  for (let row = from; row < end; row += 1) {
    const start = starts[row]!;
    if (start === noText) continue;
    const stop = ends[row]!;
    if (!out.fits(variants * (lineBytesMax + stop - start))) return row;
    const { bytes, view } = out;
    let at = out.at;
    for (let variant = 0; variant < variants; variant += 1) {
      const place = row * variants + variant;
      if (present[place] === 0) continue;
      const tail = tails[variant]!;
      at = copyBytes(head.view, 0, head.length, view, at);
      at = copyBytes(labels, start, stop, view, at);
      at = copyBytes(tail.view, 0, tail.length, view, at);
      at = writeNumber(bytes, at, values[place]!);
      bytes[at++] = lineFeed;
    }
    out.at = at;
  }
  return end;
}
