import { median, percentile, rounded } from './bench.ts';

/** Median, 99th percentile and the worst of some times. */
export interface Spread {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
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
