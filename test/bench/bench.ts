/** What a benchmark prints: figures of ours and of its rival, measured in the same run. */
export type BenchResult = Readonly<Record<string, unknown>>;

export interface BenchOptions {
  readonly series: number;
  /** Measured rounds; left out, the bench chooses. */
  readonly rounds?: number;
  /** Tells progress; standard output belongs to the result. */
  readonly say: (line: string) => void;
}

export interface Bench {
  readonly name: string;
  /** What is measured, and what is not, in whole sentences. */
  readonly says: string;
  run(options: BenchOptions): Promise<BenchResult>;
}

/** The middle of an odd number of figures, or the mean of the two in the middle. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((left, right) => left - right);
  const half = sorted.length / 2;
  const high = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? Number.NaN) + high) / 2 : high;
}

/** A figure for people: three digits are more than a shared machine can promise. */
export function rounded(figure: number): number {
  return Number(figure.toPrecision(3));
}
