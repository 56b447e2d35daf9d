import { invariant } from '#lib/base/invariant.ts';
import type { Family, LabelSpec, LabelsOf } from './family.ts';
import { HistogramColumn } from './histogram-column.ts';
import { combinations } from './line-parts.ts';
import type { Collector, Samples } from './samples.ts';
import { SeriesTable } from './series-table.ts';
import { StateColumn } from './state-column.ts';
import { ValueColumn } from './value-column.ts';

/** A number that only grows while the process lives. */
export interface Counter<L extends LabelSpec> {
  /** @param amount  Not negative; 1 when left out. */
  add(labels: LabelsOf<L>, amount?: number): void;
  /**
   * Shows at zero every series with these values of the open labels, whatever the closed ones. For what is known before it first happens:
   * a series that begins at 1 hides its first increase from `rate` and `increase`. What was counted stays.
   */
  open(labels: OpenLabelsOf<L>): void;
}

/** The labels whose values are no closed list. */
export type OpenLabelsOf<L extends LabelSpec> = { readonly [K in keyof L as L[K] extends 'any' ? K : never]: string };

/** A number that goes up and down. */
export interface Gauge<L extends LabelSpec> {
  set(labels: LabelsOf<L>, value: number): void;
  /** No reading any more, no sample. */
  remove(labels: LabelsOf<L>): void;
  /** Forgets all series, for families whose objects are listed anew. */
  clear(): void;
}

/** One of a closed list at a time. */
export interface States<L extends LabelSpec, S extends string> {
  set(labels: LabelsOf<L>, state: S): void;
  remove(labels: LabelsOf<L>): void;
}

export interface Histogram<L extends LabelSpec> {
  observe(labels: LabelsOf<L>, value: number): void;
}

/** Series of one family of a process; above it a new one is refused. A process has few; fleets have tables of their own. */
const seriesMax = 2_000;

/**
 * The metrics of a process of ours: a collector with counters, gauges, states and histograms that change as things happen. Labels
 * with one value for the whole process (its hall, its pair) are given once, as constants, and added to every family that has them.
 * Counters and histograms whose labels are closed lists are there from the beginning, at zero.
 */
export class MetricSet<C extends string = never> implements Collector {
  readonly name: string;
  readonly #constants: Readonly<Record<C, string>>;
  readonly #columns = new Map<string, { freeze(): Samples }>();

  constructor(name: string, constants: Readonly<Record<C, string>>) {
    this.name = name;
    this.#constants = constants;
  }

  counter<L extends LabelSpec>(family: Family<L>): Counter<Omit<L, C>> {
    invariant(family.kind === 'counter', `${family.name} is a counter`);
    const rows = this.#rows(family, family.labels);
    const column = this.#keep(new ValueColumn(rows.table, family));
    const openAt = (labels: Readonly<Record<string, string>>): void => {
      for (const row of rows.closed(labels)) column.add(row, 0);
    };
    openAt({});
    return {
      open: (labels) => openAt(labels),
      add: (labels, amount = 1) => {
        invariant(amount >= 0, `${family.name} never goes down`);
        column.add(rows.of(labels), amount);
      },
    };
  }

  gauge<L extends LabelSpec>(family: Family<L>): Gauge<Omit<L, C>> {
    const rows = this.#rows(family, family.labels);
    const column = this.#keep(new ValueColumn(rows.table, family));
    return {
      set: (labels, value) => column.set(rows.of(labels), value),
      remove: (labels) => rows.remove(labels),
      clear: () => rows.table.clear(),
    };
  }

  /** @param label  The last label of the family, which lists the states. */
  states<L extends LabelSpec, N extends keyof L & string>(family: Family<L>, label: N): States<Omit<L, C | N>, LabelsOf<L>[N] & string> {
    const others = Object.fromEntries(Object.entries(family.labels).filter(([name]) => name !== label));
    const rows = this.#rows(family, others);
    const listed = family.labels[label];
    invariant(listed !== undefined && listed !== 'any', `${family.name} lists its states`);
    const column = this.#keep(new StateColumn(rows.table, family, listed));
    return {
      set: (labels, state) => column.set(rows.of(labels), state),
      remove: (labels) => rows.remove(labels),
    };
  }

  histogram<L extends LabelSpec>(family: Family<L>): Histogram<Omit<L, C>> {
    const rows = this.#rows(family, family.labels);
    const column = this.#keep(new HistogramColumn(rows.table, family));
    for (const row of rows.closed()) column.open(row);
    return { observe: (labels, value) => column.observe(rows.of(labels), value) };
  }

  collect(): readonly Samples[] {
    return [...this.#columns.values()].map((column) => column.freeze());
  }

  #rows(family: Family, labels: LabelSpec): Rows {
    const constants = Object.entries<string>(this.#constants).filter(([name]) => name in labels);
    return new Rows(family, labels, Object.fromEntries(constants));
  }

  #keep<T extends { readonly family: Family; freeze(): Samples }>(column: T): T {
    invariant(!this.#columns.has(column.family.name), `${column.family.name} is made once`);
    this.#columns.set(column.family.name, column);
    return column;
  }
}

/** The rows of one family: a table of its own, found by labels. */
class Rows {
  readonly table: SeriesTable;
  readonly #family: Family;
  readonly #labels: LabelSpec;
  readonly #constants: Readonly<Record<string, string>>;

  constructor(family: Family, labels: LabelSpec, constants: Readonly<Record<string, string>>) {
    this.table = new SeriesTable(labels, { rowsMax: seriesMax });
    this.#family = family;
    this.#labels = labels;
    this.#constants = constants;
  }

  /** The row with these labels, made when it is new. */
  of(labels: Readonly<Record<string, unknown>>): number {
    const given = { ...this.#constants, ...labels } as Record<string, string>;
    for (const [name, values] of Object.entries(this.#labels)) {
      const value = given[name] ?? '';
      invariant(values === 'any' || values.includes(value) || name in this.#constants, `${this.#family.name} has no ${name} "${value}"`);
    }
    return this.table.add(given);
  }

  remove(labels: Readonly<Record<string, unknown>>): void {
    const row = this.table.find({ ...this.#constants, ...labels } as Record<string, string>);
    if (row !== undefined) this.table.remove(row);
  }

  /** The rows of every combination of closed labels, with the values given for the open ones; none when one of these is not given. */
  closed(open: Readonly<Record<string, string>> = {}): readonly number[] {
    const names = Object.keys(this.#labels).filter((name) => !(name in this.#constants) && !(name in open));
    if (names.some((name) => this.#labels[name] === 'any')) return [];
    return combinations(this.#family, names).map((values) =>
      this.of({ ...open, ...Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])) }),
    );
  }
}
