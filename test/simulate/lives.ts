import type { Sabotage } from '#lib/pair/simulation/sabotage.ts';
import { shrink } from '#lib/pair/simulation/shrink.ts';
import { lifeOf, simulatePair } from '#lib/pair/simulation/simulate.ts';
import type { RunReport } from '#lib/pair/simulation/simulate.ts';

/** What is asked for. `nowMs` is a monotonic clock; `say` hears of the progress, about every five seconds. */
export interface SimulateOptions {
  readonly seed: number;
  readonly steps: number;
  readonly without: Sabotage | undefined;
  readonly nowMs: () => number;
  readonly say: (text: string) => void;
}

/** Sums over all lives. `stepsPerSecond` counts one core, everything around the steps included. */
export interface SimulateResult {
  readonly seed: number;
  readonly steps: number;
  readonly runs: number;
  readonly failovers: number;
  readonly acknowledged: number;
  readonly violations: number;
  readonly stepsPerSecond: number;
}

const sayEveryMs = 5_000;

/** Runs lives until there were enough steps or one has failed, which is then shrunk to few faults. */
export function simulateLives({ seed, steps: wanted, without, nowMs, say }: SimulateOptions): {
  readonly result: SimulateResult;
  readonly failed: RunReport | undefined;
} {
  const begunMs = nowMs();
  let saidMs = begunMs;
  let [steps, runs, failovers, acknowledged] = [0, 0, 0, 0];
  let failed: RunReport | undefined;
  while (steps < wanted && failed === undefined) {
    const life = simulatePair(lifeOf(seed + runs), without);
    steps += life.steps;
    runs += 1;
    failovers += life.failovers;
    acknowledged += life.acknowledged;
    if (life.violation !== undefined) failed = life;
    if (nowMs() - saidMs >= sayEveryMs) {
      saidMs = nowMs();
      say(`${runs} lives, ${failovers} failovers, ${steps} of ${wanted} steps`);
    }
  }
  const stepsPerSecond = Math.round(steps / Math.max(0.001, (nowMs() - begunMs) / 1_000));
  const result = { seed, steps, runs, failovers, acknowledged, violations: failed === undefined ? 0 : 1, stepsPerSecond };
  if (failed !== undefined) {
    say(`seed ${failed.seed} has failed; looking for the fewest of its ${failed.faults.length} faults that are enough`);
    failed = shrink(failed, without);
  }
  return { result, failed };
}
