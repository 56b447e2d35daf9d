import type { ChunkWriter } from './chunk-writer.ts';
import type { Family } from './family.ts';

/**
 * The samples of one family as they were at one instant. Immutable: what changes afterwards in the tables behind it, removed and
 * reused slots included, does not show.
 */
export interface Samples {
  readonly family: Family;
  /** Number of sample lines. */
  readonly lines: number;
  /** Objects are numbered from 0 to below this. */
  readonly end: number;
  /**
   * Writes the lines of objects `from`, `from + 1`, … until the chunk is full or all are written; returns the first one not written.
   * The lines of one object (all its states; buckets, count and sum) are never divided between chunks.
   */
  write(out: ChunkWriter, from: number): number;
}

/** A source of families. Its name is a label value: short, of a closed set. */
export interface Collector {
  readonly name: string;
  /**
   * The present state as frozen samples. Called once for every scrape, also while another runs. Whoever asks elsewhere obeys the
   * signal. A failure costs only this collector's families.
   */
  collect(signal: AbortSignal): readonly Samples[] | Promise<readonly Samples[]>;
}
