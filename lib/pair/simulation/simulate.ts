import { heal, strikeOne } from './faults.ts';
import type { Sabotage } from './sabotage.ts';
import { World } from './world.ts';

/** What one simulated life of a pair showed. */
export interface RunReport {
  readonly seed: number;
  readonly steps: number;
  readonly failovers: number;
  readonly acknowledged: number;
  /** Undefined when every invariant held and the pair settled; else what was broken. */
  readonly violation: string | undefined;
  /** The last events before a violation. */
  readonly story: readonly string[];
}

/** Simulated time with faults, and the time in which the pair must be back in step once they have stopped. */
const faultMs = 90_000;
export const settleMs = 60_000;

/** Longest simulated pause between two faults. */
const calmMaxMs = 6_000;

/** One life: start from empty, faults drawn from the seed, then faults off; safety after every step, liveness at the end. */
export function simulatePair(seed: number, broken?: Sabotage): RunReport {
  const world = new World(seed, broken);
  for (const member of world.members) member.startAgent();
  for (const client of world.clients) client.start();
  world.arbiter.troublePercent = world.schedule.chance(60) ? world.schedule.between(0, 30) : 0;
  const fault = (): void => {
    if (world.schedule.nowMs >= faultMs) return;
    strikeOne(world);
    world.schedule.after(world.schedule.between(5, calmMaxMs), fault);
  };
  world.schedule.after(world.schedule.between(0, 8_000), fault);
  while (!world.violated() && world.schedule.runNext(faultMs));
  if (!world.violated()) settle(world);
  const acknowledged = world.clients.reduce((sum, client) => sum + client.acknowledged.length, 0);
  return { seed, steps: world.steps, failovers: world.failovers, acknowledged, violation: world.violation, story: world.story };
}

function settle(world: World): void {
  heal(world);
  const until = world.schedule.nowMs + settleMs;
  // Late requests and the ends of old faults may still disturb for a while: it must settle and stay so until the end.
  while (!world.violated() && world.schedule.runNext(until));
  const problems = world.unsettled();
  if (problems.length > 0 && !world.violated()) world.violation = `not settled ${settleMs} ms after the last fault: ${problems.join('; ')}`;
}
