import { seededRandom } from '#lib/base/random.ts';
import { drawFaults } from './fault-schedule.ts';
import type { Fault } from './fault-schedule.ts';
import { heal, strike } from './faults.ts';
import type { Sabotage } from './sabotage.ts';
import { World } from './world.ts';

/** What one simulated life of a pair showed. */
export interface RunReport {
  readonly seed: number;
  readonly steps: number;
  readonly failovers: number;
  readonly acknowledged: number;
  readonly faults: readonly Fault[];
  /** Undefined when every invariant held and the pair settled; else what was broken. */
  readonly violation: string | undefined;
  /** The last events before a violation. */
  readonly story: readonly string[];
}

/** Simulated time with faults, and the time in which the pair must be back in step once they have stopped. */
const faultMs = 90_000;
const settleMs = 60_000;

/** The faults are drawn apart from everything else, so that the same seed with fewer of them is the same world. */
const faultSalt = 0x5bd1e995;

/** The faults that a seed brings. */
export function faultsOf(seed: number): readonly Fault[] {
  return drawFaults(seededRandom((seed ^ faultSalt) >>> 0), faultMs);
}

/** One life: start from empty, the faults of the seed, then faults off; safety after every step, liveness at the end. */
export function simulatePair(seed: number, broken?: Sabotage, faults: readonly Fault[] = faultsOf(seed)): RunReport {
  const world = new World(seed, broken);
  for (const member of world.members) member.startAgent();
  for (const client of world.clients) client.start();
  world.arbiter.troublePercent = world.schedule.chance(60) ? world.schedule.between(0, 30) : 0;
  for (const fault of faults) world.schedule.after(fault.atMs, () => strike(world, fault));
  while (!world.violated() && world.schedule.runNext(faultMs));
  if (!world.violated()) settle(world);
  const acknowledged = world.clients.reduce((sum, client) => sum + client.acknowledged.length, 0);
  const { steps, failovers, violation, story } = world;
  return { seed, steps, failovers, acknowledged, faults, violation, story };
}

function settle(world: World): void {
  heal(world);
  const until = world.schedule.nowMs + settleMs;
  // Late requests and the ends of old faults may still disturb for a while: it must settle and stay so until the end.
  while (!world.violated() && world.schedule.runNext(until));
  const problems = world.unsettled();
  if (problems.length > 0 && !world.violated()) world.violation = `not settled ${settleMs} ms after the last fault: ${problems.join('; ')}`;
}
