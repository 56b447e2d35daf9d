import type { Random } from '#lib/base/random.ts';

/** Kinds of fault and how often each is drawn. */
const weights = {
  postgresDies: 3,
  agentDies: 3,
  memberDies: 3,
  bothDie: 1,
  agentHangs: 2,
  postgresHangs: 2,
  linksCut: 2,
  oneWayCut: 2,
  arbiterCut: 3,
  diskLost: 2,
  switchover: 2,
  killAsked: 2,
  reinitialiseAsked: 3,
  agentBlind: 2,
  reload: 2,
} as const;

export type FaultKind = keyof typeof weights;

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

/** Longest time until a fault is undone. */
const healMaxMs = 12_000;

/** Longest pause before the first fault, and between two. */
const startMaxMs = 8_000;
const calmMaxMs = 6_000;

const kinds = Object.entries(weights) as readonly (readonly [FaultKind, number])[];
const total = kinds.reduce((sum, [, weight]) => sum + weight, 0);

/** The faults of one life, in their order. */
export function drawFaults(random: Random, untilMs: number): readonly Fault[] {
  const faults: Fault[] = [];
  for (let atMs = random.below(startMaxMs); atMs < untilMs; atMs += 5 + random.below(calmMaxMs)) {
    faults.push({
      atMs,
      kind: drawKind(random),
      member: random.below(2) === 0 ? 'a' : 'b',
      lastsMs: 10 + random.below(healMaxMs),
      coin: random.below(100),
    });
  }
  return faults;
}

function drawKind(random: Random): FaultKind {
  let draw = random.below(total);
  for (const [kind, weight] of kinds) {
    if (draw < weight) return kind;
    draw -= weight;
  }
  return 'reload';
}
