import { median, percentile, rounded } from './bench.ts';

/** Median, 99th percentile and the worst of some times. Of fewer than a hundred times the 99th percentile is the worst. */
export interface Spread {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * A result as people are to read it: a 99th percentile that is nothing but the worst of the times is called that. Machines go on reading
 * `p99` wherever it was.
 */
export function inWords(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(inWords);
  if (typeof result !== 'object' || result === null) return result;
  if (isSpread(result) && result.p99 === result.max) return { median: result.median, worst: result.max };
  return Object.fromEntries(Object.entries(result).map(([key, value]) => [key, inWords(value)]));
}

function isSpread(result: object): result is Spread {
  return Object.keys(result).toSorted().join() === 'max,median,p99';
}

/** From milliseconds to seconds with three digits after the point. */
export function spread(figuresMs: readonly number[]): Spread {
  return { median: inSeconds(median(figuresMs)), p99: inSeconds(percentile(figuresMs, 99)), max: inSeconds(Math.max(...figuresMs)) };
}

/** The same in milliseconds, for times that are too short for seconds. */
export function spreadMs(figuresMs: readonly number[]): Spread {
  return { median: rounded(median(figuresMs)), p99: rounded(percentile(figuresMs, 99)), max: rounded(Math.max(...figuresMs)) };
}

export function inSeconds(ms: number): number {
  return Math.round(ms) / 1_000;
}
