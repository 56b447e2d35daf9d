import type { Sabotage } from './sabotage.ts';
import { simulatePair } from './simulate.ts';
import type { RunReport } from './simulate.ts';

/** Lives tried at most while looking for a smaller schedule. */
const triesMax = 300;

/**
 * Leaves out faults for as long as some invariant is still broken: halves first, then ever smaller pieces. The answer is a life that
 * fails with none of its faults to spare, or the smallest one found within the bound.
 *
 * @param failed  A life with a violation.
 */
export function shrink(failed: RunReport, broken?: Sabotage): RunReport {
  let best = failed;
  let tries = 0;
  for (let size = Math.ceil(best.faults.length / 2); size >= 1 && tries < triesMax; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.faults.length && tries < triesMax;) {
      const fewer = [...best.faults.slice(0, from), ...best.faults.slice(from + size)];
      const tried = simulatePair({ ...best, faults: fewer }, broken);
      tries += 1;
      if (tried.violation === undefined) from += size;
      else best = tried;
    }
  }
  return best;
}
