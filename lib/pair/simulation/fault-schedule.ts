import type { Random } from '#lib/base/random.ts';

/** Kinds of fault that strike in a storm, and how often each is drawn. */
const stormWeights = {
  postgresDies: 3,
  agentDies: 3,
  memberDies: 3,
  bothDie: 1,
  powerLost: 2,
  agentHangs: 2,
  postgresHangs: 2,
  bothStall: 1,
  linksCut: 2,
  isolated: 2,
  oneWayCut: 2,
  pathLost: 3,
  slowHeal: 2,
  flapping: 1,
  jumble: 2,
  arbiterCut: 3,
  arbiterRestarts: 2,
  arbiterOutage: 1,
  arbiterSlow: 2,
  requestsLate: 4,
  diskLost: 3,
  diskFull: 2,
  diskHangs: 2,
  crowded: 1,
  agentBlind: 2,
  reload: 2,
  checkpoint: 3,
  replayBlocked: 2,
  logDamaged: 2,
  slowPromotion: 2,
  slowStandby: 2,
  waitsAbandoned: 3,
  pastMisjudged: 4,
  switchover: 2,
  killAsked: 2,
  reinitialiseAsked: 2,
  pause: 1,
  recordDeleted: 1,
  recordSetBack: 1,
  promotedByHand: 1,
} as const;

export type StormKind = keyof typeof stormWeights;
const stormKinds = Object.keys(stormWeights) as StormKind[];

/** Kinds that a storm leaves out, of a hundred. */
const sparedPercent = 75;

/** Kinds of fault of which none may cause a failover, however long it lasts. Each strikes alone. */
const calmWeights = {
  agentDies: 3,
  agentHangs: 2,
  bothStall: 3,
  pathLost: 6,
  pathFlaps: 2,
  jumble: 1,
  arbiterCut: 2,
  arbiterRestarts: 2,
  arbiterOutage: 2,
  arbiterSlow: 2,
  crowded: 3,
  reload: 1,
  checkpoint: 1,
  slowStandby: 2,
  waitsAbandoned: 1,
  standbyDies: 2,
  standbyHangs: 2,
  standbyDiskHangs: 2,
} as const;

/** Ways in which a leader fails, after each of which the standby must take over if the leader said before that it could. */
const fatalWeights = {
  leaderDies: 2,
  leaderServerDies: 2,
  leaderHangs: 2,
  leaderServerHangs: 2,
  leaderPowerLost: 2,
  leaderCut: 2,
  leaderDiskHangs: 2,
  leaderDiskFull: 1,
} as const;

/** What already stands in the way of a take-over when the leader fails. `nothing` is no fault at all. */
const hinderingWeights = { nothing: 6, standbyDies: 2, pause: 1, arbiterOutage: 1, recordDeleted: 1 } as const;

export type FaultKind = StormKind | keyof typeof calmWeights | keyof typeof fatalWeights;
export const faultKinds: readonly FaultKind[] = [
  ...new Set(Object.keys({ ...stormWeights, ...calmWeights, ...fatalWeights }) as FaultKind[]),
];

/** One fault of a simulated life. Everything about it is drawn beforehand, so that leaving one out leaves the others as they are. */
export interface Fault {
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly member: 'a' | 'b';
  /** Until it is undone, where it does not undo itself. */
  readonly lastsMs: number;
  /** 0 to 99: how it goes where it can go in several ways. */
  readonly coin: number;
}

/**
 * What a life is lived for.
 *
 * storm     Faults of every kind, one upon the other: nothing acknowledged is lost, and once they stop the pair settles.
 * calm      One fault at a time, of kinds that must not cause a failover: there is none.
 * fatal     The leader fails, one way after the other: the standby takes over in time, or not at all where the leader said so before.
 * flapping  All links come and go for a minute: the record changes a bounded number of times.
 */
export const lifeKinds = ['storm', 'calm', 'fatal', 'flapping'] as const;
export type LifeKind = (typeof lifeKinds)[number];

/** Longest time until a fault is undone. */
const healMaxMs = 12_000;

/** Longest pause before the first fault, and between two. */
const startMaxMs = 8_000;
const calmMaxMs = 6_000;

/** In a life in which faults strike alone: until the first one, and after each one's end. */
const foundedMs = 8_000;
const restMs = 6_000;

/** In a life of failing leaders: from one to the next, and how long before it something already stands in the way. */
const fatalEveryMs = 26_000;
const hinderedForMs = 4_000;
const fatalLastsMs = 7_000;

const flapsForMs = 60_000;

/** The faults of one life, in their order. */
export function drawFaults(kind: LifeKind, random: Random, untilMs: number): readonly Fault[] {
  switch (kind) {
    case 'storm':
      return drawStorm(random, untilMs);
    case 'calm':
      return drawCalm(random, untilMs);
    case 'fatal':
      return drawFatal(random, untilMs);
    case 'flapping':
      return [{ atMs: foundedMs + random.below(startMaxMs), kind: 'flapping', member: 'a', lastsMs: flapsForMs, coin: random.below(100) }];
  }
}

/** Each storm has kinds of its own: with all of them in every life they would stand in each other's way. */
function drawStorm(random: Random, untilMs: number): readonly Fault[] {
  const some = stormKinds.filter(() => random.below(100) >= sparedPercent);
  return drawStormOf(some.length === 0 ? stormKinds : some, random, untilMs);
}

/** A storm of these kinds only. */
export function drawStormOf(kinds: readonly StormKind[], random: Random, untilMs: number): readonly Fault[] {
  const weights = Object.fromEntries(kinds.map((kind) => [kind, stormWeights[kind]]));
  const everyMs = Math.ceil((calmMaxMs * (1 + random.below(3))) / 2);
  const faults: Fault[] = [];
  for (let atMs = random.below(startMaxMs); atMs < untilMs; atMs += 5 + random.below(everyMs)) {
    faults.push(fault(atMs, drawKind<StormKind>(weights as Record<StormKind, number>, random), random, 10 + random.below(healMaxMs)));
  }
  return faults;
}

function drawCalm(random: Random, untilMs: number): readonly Fault[] {
  const faults: Fault[] = [];
  for (let atMs = foundedMs + random.below(restMs); atMs < untilMs;) {
    const lastsMs = 10 + random.below(healMaxMs);
    faults.push(fault(atMs, drawKind(calmWeights, random), random, lastsMs));
    atMs += lastsMs + restMs + random.below(restMs);
  }
  return faults;
}

function drawFatal(random: Random, untilMs: number): readonly Fault[] {
  const faults: Fault[] = [];
  for (let atMs = foundedMs + restMs + random.below(restMs); atMs < untilMs; atMs += fatalEveryMs + random.below(restMs)) {
    const hindering = drawKind(hinderingWeights, random);
    const lastsMs = hinderedForMs + fatalLastsMs;
    // Nothing of what stands in the way outlasts its time, so its coin is not left to chance.
    if (hindering !== 'nothing') faults.push({ ...fault(atMs - hinderedForMs, hindering, random, lastsMs), coin: 0 });
    faults.push(fault(atMs, drawKind(fatalWeights, random), random, fatalLastsMs));
  }
  return faults;
}

const fault = (atMs: number, kind: FaultKind, random: Random, lastsMs: number): Fault => ({
  atMs,
  kind,
  member: random.below(2) === 0 ? 'a' : 'b',
  lastsMs,
  coin: random.below(100),
});

function drawKind<K extends string>(weights: Readonly<Record<K, number>>, random: Random): K {
  const kinds = Object.keys(weights) as K[];
  const total = kinds.reduce((sum, kind) => sum + weights[kind], 0);
  let draw = random.below(total);
  for (const kind of kinds) {
    if (draw < weights[kind]) return kind;
    draw -= weights[kind];
  }
  throw new RangeError('the weights do not add up');
}
