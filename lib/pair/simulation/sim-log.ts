/** An entry of the simulated WAL: a client's key, or a mark that a promotion or a retry leaves. Two writes of one key are two entries. */
export interface Entry {
  readonly key: string;
  /** Its client gave up the wait for the standby, so that PostgreSQL shows it although it may be on one disk only. */
  abandoned?: boolean;
}

/** The mark that each promotion leaves. */
export const promotion = 'promoted';

/** Whether `a` is a beginning of `b`. */
export function isPrefix(a: readonly Entry[], b: readonly Entry[]): boolean {
  if (a.length > b.length) return false;
  // A log only grows at its end, so the same last entry means the same beginning.
  return a.length === 0 || a[a.length - 1] === b[a.length - 1];
}

/** How far two logs are the same. */
export function commonLength(a: readonly Entry[], b: readonly Entry[]): number {
  let low = 0;
  let high = Math.min(a.length, b.length);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (a[middle - 1] === b[middle - 1]) low = middle;
    else high = middle - 1;
  }
  return low;
}
