import type { Fault } from './fault-schedule.ts';
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
      const tried = simulatePair(failed.seed, broken, fewer);
      tries += 1;
      if (tried.violation === undefined) from += size;
      else best = tried;
    }
  }
  return best;
}

/** A failed life for people: how to see it again, which faults it took, and what happened last. */
export function transcriptOf({ seed, violation, faults, story }: RunReport): string {
  const told = faults.map(tellFault);
  return [`seed ${seed}: ${violation ?? 'no violation'}`, '', `faults (${faults.length}):`, ...told, '', 'story:', ...story, ''].join('\n');
}

function tellFault({ atMs, kind, member, lastsMs, coin }: Fault): string {
  return `  ${atMs} ${kind} at ${member}, for ${lastsMs} ms, coin ${coin}`;
}
