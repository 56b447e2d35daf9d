import { commandErrors } from '#lib/base/command.ts';
import type { CommandLine, CommandOption } from '#lib/base/command.ts';

/** What a benchmark prints: figures of ours and of its rival, measured in the same run. */
export type BenchResult = Readonly<Record<string, unknown>>;

export interface Bench {
  readonly name: string;
  /** What is measured, and what is not, in whole sentences. */
  readonly says: string;
  /** Options of the command line that it reads, besides --json. An option that two benches share means the same in both. */
  readonly options: Readonly<Record<string, CommandOption>>;
  /** @param say  Tells progress; standard output belongs to the result. */
  run(line: CommandLine<string>, say: (text: string) => void): Promise<BenchResult>;
}

/**
 * A whole number of the command line, or undefined when it was left out and has no fallback.
 *
 * @throws HK_USAGE
 */
export function wholeOption(line: CommandLine<string>, name: string, max: number): number | undefined {
  const text = line.text(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw commandErrors.HK_USAGE(`--${name} must be a whole number from 1 to ${max}`);
}

/** The middle of an odd number of figures, or the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((left, right) => left - right);
  const half = sorted.length / 2;
  const high = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? Number.NaN) + high) / 2 : high;
}

/**
 * Two of the figures between which the median of what they were drawn from lies in 95 of 100 samples, whatever its distribution: ranks by
 * the normal approximation of the binomial, n/2 ± 0.98 √n. Of ten figures or fewer these are the outermost.
 */
export function medianBetween(figures: readonly number[]): readonly [number, number] {
  const sorted = figures.toSorted((left, right) => left - right);
  const below = Math.max(0, Math.floor(sorted.length / 2 - 0.98 * Math.sqrt(sorted.length)) - 1);
  return [sorted[below] ?? Number.NaN, sorted[sorted.length - 1 - below] ?? Number.NaN];
}

/** The smallest figure that at least so many percent of the figures do not exceed (nearest rank). */
export function percentile(figures: readonly number[], percent: number): number {
  const sorted = figures.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** A figure for people: three digits are more than a shared machine can promise. */
export function rounded(figure: number): number {
  return Number(figure.toPrecision(3));
}
