import { invariant } from '#lib/base/invariant.ts';
import { copyBytes } from './bytes.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import type { Family } from './family.ts';
import { combinations, lineParts, ownLabels } from './line-parts.ts';
import type { LineParts } from './line-parts.ts';
import type { Samples } from './samples.ts';
import type { SeriesTable, TableColumn } from './series-table.ts';
import { grown, noText } from './text-arena.ts';
import type { FrozenTexts } from './text-arena.ts';

const zero = 0x30;
const lineFeed = 0x0a;

/** More states would not fit the byte of a row. */
const statesMax = 255;

/**
 * The state of every row in one byte, written as one line per state: 1 for the present one, 0 for the others. The states are the
 * values of the family's only label beyond the table's, a closed list. A row whose state was never set gives no line.
 */
export class StateColumn<S extends string = string> implements TableColumn {
  readonly family: Family;
  readonly states: readonly S[];
  readonly #table: SeriesTable;
  readonly #parts: LineParts;
  /** 0 for none, else the state's number plus 1. */
  #current = new Uint8Array(0);
  #known = 0;

  constructor(table: SeriesTable, family: Family, states: readonly S[]) {
    const own = ownLabels(family, table.labelNames);
    const values = combinations(family, own);
    const listed = values.map((combination) => combination.join());
    invariant(own.length === 1 && listed.join() === states.join(), `the states of ${family.name} are the values of its last label`);
    invariant(states.length <= statesMax, 'a state fits a byte');
    this.family = family;
    this.states = states;
    this.#table = table;
    this.#parts = lineParts(family.name, table.labelNames, own, values);
    table.attach(this);
  }

  set(row: number, state: S): void {
    const found = this.states.indexOf(state);
    invariant(found >= 0, `${this.family.name} knows its states`);
    invariant(this.#table.isLive(row), 'a state belongs to a row in use');
    if (this.#current[row] === 0) this.#known += 1;
    this.#current[row] = found + 1;
  }

  get(row: number): S | undefined {
    return this.states[(this.#current[row] ?? 0) - 1];
  }

  clear(row: number): void {
    if ((this.#current[row] ?? 0) === 0) return;
    this.#current[row] = 0;
    this.#known -= 1;
  }

  grow(capacity: number): void {
    this.#current = grown(this.#current, capacity);
  }

  freeze(): Samples {
    const picture: StatePicture = { parts: this.#parts, texts: this.#table.freeze(), current: this.#current.slice(0, this.#table.end) };
    return {
      family: this.family,
      lines: this.#known * this.states.length,
      end: picture.current.length,
      write: (out, from) => writeStates(picture, out, from),
    };
  }
}

interface StatePicture {
  readonly parts: LineParts;
  readonly texts: FrozenTexts;
  readonly current: Uint8Array;
}

// A function and plain objects, for the reason that stands above `writeValues`.
function writeStates({ parts, texts, current }: StatePicture, out: ChunkWriter, from: number): number {
  const { head, tails, tailBytesMax } = parts;
  for (let row = from; row < current.length; row += 1) {
    const state = current[row]! - 1;
    const start = texts.starts[row]!;
    if (state < 0 || start === noText) continue;
    const stop = texts.ends[row]!;
    if (!out.fits(tails.length * (head.length + stop - start + tailBytesMax + 2))) return row;
    const { bytes, view } = out;
    let at = out.at;
    for (let each = 0; each < tails.length; each += 1) {
      const tail = tails[each]!;
      at = copyBytes(head.view, 0, head.length, view, at);
      at = copyBytes(texts.view, start, stop, view, at);
      at = copyBytes(tail.view, 0, tail.length, view, at);
      bytes[at++] = each === state ? zero + 1 : zero;
      bytes[at++] = lineFeed;
    }
    out.at = at;
  }
  return current.length;
}
