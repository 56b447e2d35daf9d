import { seededRandom } from '#lib/base/random.ts';
import type { Random } from '#lib/base/random.ts';
import { drawFaults, drawStormOf } from './fault-schedule.ts';
import type { Fault, LifeKind, StormKind } from './fault-schedule.ts';
import { heal, strike } from './faults.ts';
import type { Sabotage } from './sabotage.ts';
import { World } from './world.ts';

/** What one simulated life of a pair showed. */
export interface RunReport extends Life {
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
const settleMs = 60_000;

/** The faults are drawn apart from everything else, so that the same seed with fewer of them is the same world. */
const faultSalt = 0x5bd1e995;
const kindSalt = 0x2545f491;

/** Of a hundred lives, so many of each kind; the rest are storms. */
const calmPercent = 20;
const fatalPercent = 20;
const flappingPercent = 5;

/** What the life of a seed is lived for. */
function kindOf(seed: number): LifeKind {
  const draw = seededRandom((seed ^ kindSalt) >>> 0).below(100);
  if (draw < calmPercent) return 'calm';
  if (draw < calmPercent + fatalPercent) return 'fatal';
  return draw < calmPercent + fatalPercent + flappingPercent ? 'flapping' : 'storm';
}

/** The faults that a seed brings. */
export function faultsOf(seed: number, kind: LifeKind = kindOf(seed)): readonly Fault[] {
  return drawFaults(kind, faultRandom(seed), faultMs);
}

/** A storm of these kinds of fault only, at the times and places of the seed. */
export function stormOf(kinds: readonly StormKind[], seed: number): Life {
  return { seed, kind: 'storm', faults: drawStormOf(kinds, faultRandom(seed), faultMs) };
}

const faultRandom = (seed: number): Random => seededRandom((seed ^ faultSalt) >>> 0);

/** What makes a life. The same one is always lived in the same way. */
export interface Life {
  readonly seed: number;
  readonly kind: LifeKind;
  readonly faults: readonly Fault[];
}

/** The life that a seed stands for. */
export function lifeOf(seed: number): Life {
  const kind = kindOf(seed);
  return { seed, kind, faults: faultsOf(seed, kind) };
}

/** One life: start from empty, its faults, then faults off; safety after every step, liveness at the end. */
export function simulatePair({ seed, kind, faults }: Life, broken?: Sabotage): RunReport {
  const world = new World(seed, kind, broken);
  world.start();
  const troubled = kind === 'storm' && world.schedule.chance(60);
  world.arbiter.troublePercent = troubled ? world.schedule.between(0, 30) : 0;
  for (const fault of faults) world.schedule.after(fault.atMs, () => strike(world, fault));
  while (!world.violated() && world.schedule.runNext(faultMs));
  if (!world.violated()) settle(world);
  const acknowledged = world.clients.reduce((sum, client) => sum + client.acknowledged.length, 0);
  const { steps, failovers, violation, story } = world;
  return { seed, kind, faults, steps, failovers, acknowledged, violation, story };
}

function settle(world: World): void {
  heal(world);
  const until = world.schedule.nowMs + settleMs;
  // Late requests and the ends of old faults may still disturb for a while: it must settle and stay so until the end.
  while (!world.violated() && world.schedule.runNext(until));
  const problems = world.invariants.unsettled();
  if (problems.length > 0 && !world.violated()) world.violate(`not settled ${settleMs} ms after the last fault: ${problems.join('; ')}`);
}
