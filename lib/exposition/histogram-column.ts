import { invariant } from '#lib/base/invariant.ts';
import { copyBytes } from './bytes.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import type { Family } from './family.ts';
import { lineParts, ownLabels } from './line-parts.ts';
import type { LineParts } from './line-parts.ts';
import { boundText, numberBytesMax, writeNumber } from './number-text.ts';
import type { Samples } from './samples.ts';
import type { SeriesTable, TableColumn } from './series-table.ts';
import { grown, noText } from './text-arena.ts';
import type { FrozenTexts } from './text-arena.ts';

const lineFeed = 0x0a;

/** Classic histograms for the rows of a table. Bounds come from the family; every row has a histogram from `open` on. */
export class HistogramColumn implements TableColumn {
  readonly family: Family;
  readonly #table: SeriesTable;
  readonly #bounds: readonly number[];
  readonly #parts: HistogramParts;
  /** Observations by bucket, not summed up; the last is the one without a bound. */
  #counts = new Float64Array(0);
  #sums = new Float64Array(0);
  #open = new Uint8Array(0);
  #known = 0;

  constructor(table: SeriesTable, family: Family) {
    invariant(ownLabels(family, table.labelNames).length === 0, `the labels of ${family.name} are those of its table`);
    this.family = family;
    this.#table = table;
    this.#bounds = family.bounds ?? [];
    this.#parts = histogramParts(family, table.labelNames);
    table.attach(this);
  }

  /** Shows a row's histogram, with no observation yet. */
  open(row: number): void {
    invariant(this.#table.isLive(row), 'a histogram belongs to a row in use');
    if (this.#open[row] === 1) return;
    this.#open[row] = 1;
    this.#known += 1;
  }

  observe(row: number, value: number): void {
    this.open(row);
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket += 1;
    this.#counts[row * this.#buckets + bucket]! += 1;
    this.#sums[row]! += value;
  }

  clear(row: number): void {
    if (this.#open[row] !== 1) return;
    this.#open[row] = 0;
    this.#known -= 1;
    this.#counts.fill(0, row * this.#buckets, (row + 1) * this.#buckets);
    this.#sums[row] = 0;
  }

  grow(capacity: number): void {
    this.#counts = grown(this.#counts, capacity * this.#buckets);
    this.#sums = grown(this.#sums, capacity);
    this.#open = grown(this.#open, capacity);
  }

  freeze(): Samples {
    const end = this.#table.end;
    const picture: HistogramPicture = {
      parts: this.#parts,
      texts: this.#table.freeze(),
      counts: this.#counts.slice(0, end * this.#buckets),
      sums: this.#sums.slice(0, end),
      open: this.#open.slice(0, end),
    };
    const lines = this.#known * (this.#buckets + 2);
    return { family: this.family, lines, end, write: (out, from) => writeHistograms(picture, out, from) };
  }

  get #buckets(): number {
    return this.#bounds.length + 1;
  }
}

interface HistogramParts {
  readonly bucket: LineParts;
  readonly count: LineParts;
  readonly sum: LineParts;
}

function histogramParts(family: Family, tableLabels: readonly string[]): HistogramParts {
  const bounds = [...(family.bounds ?? []), Infinity].map((bound) => [boundText(bound)]);
  return {
    bucket: lineParts(`${family.name}_bucket`, tableLabels, ['le'], bounds),
    count: lineParts(`${family.name}_count`, tableLabels, [], [[]]),
    sum: lineParts(`${family.name}_sum`, tableLabels, [], [[]]),
  };
}

interface HistogramPicture {
  readonly parts: HistogramParts;
  readonly texts: FrozenTexts;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly open: Uint8Array;
}

function writeHistograms({ parts, texts, counts, sums, open }: HistogramPicture, out: ChunkWriter, from: number): number {
  const { bucket, count, sum } = parts;
  const buckets = bucket.tails.length;
  const lineBytesMax = bucket.head.length + bucket.tailBytesMax + numberBytesMax + 1;
  for (let row = from; row < open.length; row += 1) {
    const start = texts.starts[row]!;
    if (open[row] === 0 || start === noText) continue;
    const labels = { view: texts.view, start, stop: texts.ends[row]! };
    if (!out.fits((buckets + 2) * (lineBytesMax + labels.stop - start))) return row;
    let total = 0;
    for (let each = 0; each < buckets; each += 1) {
      total += counts[row * buckets + each]!;
      writeLine(out, bucket, each, labels, total);
    }
    writeLine(out, count, 0, labels, total);
    writeLine(out, sum, 0, labels, sums[row]!);
  }
  return open.length;
}

interface RowLabels {
  readonly view: DataView;
  readonly start: number;
  readonly stop: number;
}

function writeLine(out: ChunkWriter, { head, tails }: LineParts, tail: number, labels: RowLabels, value: number): void {
  const end = tails[tail]!;
  let at = copyBytes(head.view, 0, head.length, out.view, out.at);
  at = copyBytes(labels.view, labels.start, labels.stop, out.view, at);
  at = copyBytes(end.view, 0, end.length, out.view, at);
  at = writeNumber(out.bytes, at, value);
  out.bytes[at++] = lineFeed;
  out.at = at;
}
