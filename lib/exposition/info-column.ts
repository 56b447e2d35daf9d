import { invariant } from '#lib/base/invariant.ts';
import { copyBytes, paddedBytes } from './bytes.ts';
import type { PaddedBytes } from './bytes.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import { labelText } from './escape.ts';
import type { Family } from './family.ts';
import { ownLabels } from './line-parts.ts';
import type { Samples } from './samples.ts';
import type { SeriesTable, TableColumn } from './series-table.ts';
import { noText, TextArena } from './text-arena.ts';
import type { FrozenTexts } from './text-arena.ts';

/** Facts about rows as labels of a sample with the value 1: one line a row, replaced when a fact changes. */
export class InfoColumn implements TableColumn {
  readonly family: Family;
  readonly #table: SeriesTable;
  readonly #own: readonly string[];
  readonly #head: PaddedBytes;
  readonly #facts = new TextArena();
  #known = 0;

  constructor(table: SeriesTable, family: Family) {
    this.family = family;
    this.#table = table;
    this.#own = ownLabels(family, table.labelNames);
    this.#head = paddedBytes(`${family.name}{`);
    invariant(this.#own.length > 0, `${family.name} has labels beyond those of its table`);
    table.attach(this);
  }

  /** @param values  Of the labels beyond the table's, in the family's order. */
  set(row: number, values: readonly string[]): void {
    invariant(values.length === this.#own.length, `${this.family.name} gets a value for ${this.#own.join(', ')}`);
    invariant(this.#table.isLive(row), 'facts belong to a row in use');
    const comma = this.#table.labelNames.length > 0 ? ',' : '';
    if (!this.#facts.has(row)) this.#known += 1;
    this.#facts.set(row, `${comma}${labelText(this.#own, values)}} 1\n`);
  }

  clear(row: number): void {
    if (!this.#facts.has(row)) return;
    this.#facts.clear(row);
    this.#known -= 1;
  }

  grow(capacity: number): void {
    this.#facts.grow(capacity);
  }

  freeze(): Samples {
    const picture: InfoPicture = { head: this.#head, texts: this.#table.freeze(), facts: this.#facts.freeze() };
    const end = this.#table.end;
    return { family: this.family, lines: this.#known, end, write: (out, from) => writeFacts(picture, out, from, end) };
  }
}

interface InfoPicture {
  readonly head: PaddedBytes;
  readonly texts: FrozenTexts;
  readonly facts: FrozenTexts;
}

function writeFacts({ head, texts, facts }: InfoPicture, out: ChunkWriter, from: number, end: number): number {
  for (let row = from; row < end; row += 1) {
    const start = texts.starts[row]!;
    const factsStart = facts.starts[row]!;
    if (start === noText || factsStart === noText) continue;
    const stop = texts.ends[row]!;
    const factsStop = facts.ends[row]!;
    if (!out.fits(head.length + stop - start + factsStop - factsStart)) return row;
    let at = copyBytes(head.view, 0, head.length, out.view, out.at);
    at = copyBytes(texts.view, start, stop, out.view, at);
    out.at = copyBytes(facts.view, factsStart, factsStop, out.view, at);
  }
  return end;
}
