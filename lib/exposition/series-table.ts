import { defineErrors } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';
import { labelText } from './escape.ts';
import type { LabelSpec, LabelsOf } from './family.ts';
import { TextArena } from './text-arena.ts';
import type { FrozenTexts } from './text-arena.ts';

export const expositionErrors = defineErrors({
  HK_SERIES_BOUND: { retry: 'never', says: 'a table of series is full' },
  HK_FAMILY_TWICE: { retry: 'never', says: 'a family is collected twice' },
});

/** What a table tells its columns: room for more rows, and the end of a row. */
export interface TableColumn {
  grow(capacity: number): void;
  clear(row: number): void;
}

const firstRows = 16;

/**
 * Objects that families are about, terminals for example: one row each, labelled once, with values in columns. A row's handle is a
 * small integer; handles of removed rows are used again. Memory of a row is its label text twice and some 60 bytes, and of a value
 * nine bytes.
 */
export class SeriesTable<L extends LabelSpec = LabelSpec> {
  readonly labelNames: readonly string[];
  readonly #rowsMax: number;
  readonly #rowOf = new Map<string, number>();
  readonly #keys: (string | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #texts = new TextArena();
  readonly #columns: TableColumn[] = [];
  #capacity = 0;

  /** @param rowsMax  Above it `add` refuses: what a source sends must not grow memory without end. */
  constructor(labels: L, { rowsMax }: { readonly rowsMax: number }) {
    this.labelNames = Object.keys(labels);
    this.#rowsMax = rowsMax;
  }

  /** Number of rows in use. */
  get size(): number {
    return this.#rowOf.size;
  }

  /** The handle of the row with these labels. */
  find(labels: LabelsOf<L>): number | undefined {
    return this.#rowOf.get(this.#text(labels));
  }

  /**
   * Adds a row, in which no column has a value yet, or finds the one with these labels.
   *
   * @throws HK_SERIES_BOUND  when `rowsMax` rows are in use.
   */
  add(labels: LabelsOf<L>): number {
    const text = this.#text(labels);
    const known = this.#rowOf.get(text);
    if (known !== undefined) return known;
    if (this.#rowOf.size >= this.#rowsMax) throw expositionErrors.HK_SERIES_BOUND(`${this.#rowsMax} rows of ${this.labelNames.join(', ')}`);
    const row = this.#free.pop() ?? this.#keys.length;
    if (row === this.#capacity) this.#grow();
    this.#keys[row] = text;
    this.#rowOf.set(text, row);
    this.#texts.set(row, text);
    return row;
  }

  /** Ends a row in every column. Its handle means nothing from now on. */
  remove(row: number): void {
    const text = this.#keys[row];
    invariant(text !== undefined, 'a row is removed once');
    for (const column of this.#columns) column.clear(row);
    this.#keys[row] = undefined;
    this.#rowOf.delete(text);
    this.#texts.clear(row);
    this.#free.push(row);
  }

  /** Ends all rows. */
  clear(): void {
    for (const row of this.#rowOf.values()) this.remove(row);
  }

  isLive(row: number): boolean {
    return this.#keys[row] !== undefined;
  }

  /** Rows are numbered from 0 to below this. */
  get end(): number {
    return this.#keys.length;
  }

  /** Columns of this room announce themselves. */
  attach(column: TableColumn): void {
    this.#columns.push(column);
    column.grow(this.#capacity);
  }

  /** Label texts of the rows at this instant. */
  freeze(): FrozenTexts {
    return this.#texts.freeze();
  }

  #grow(): void {
    this.#capacity = Math.max(firstRows, 2 * this.#capacity);
    this.#texts.grow(this.#capacity);
    for (const column of this.#columns) column.grow(this.#capacity);
  }

  #text(labels: LabelsOf<L>): string {
    const given = labels as Readonly<Record<string, string>>;
    const values = this.labelNames.map((name) => given[name]);
    const whole = values.length === Object.keys(given).length && values.every((value) => typeof value === 'string');
    invariant(whole, `the labels are exactly ${this.labelNames.join(', ')}`);
    return labelText(this.labelNames, values);
  }
}
