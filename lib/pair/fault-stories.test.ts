import { describe, expect, test } from 'vitest';
import { explainFailover } from './explain.ts';
import type { PairFacts } from './explain.ts';
import { faultKinds, faultStories } from './fault-stories.ts';
import type { FaultKind } from './fault-stories.ts';
import { defaultLimits } from './limits.ts';
import { aPrimaryFacts, aStandbyFacts, pairFacts, syncRecord } from './testing/pair-facts.ts';

const solo = { ...syncRecord, mode: 'solo', sequence: 10 } as const;
const claim = { ...syncRecord, mode: 'claim', sequence: 10, primary: 'b', epoch: 4 } as const;
const of = (facts: Partial<PairFacts>, measuredMs?: number) => {
  const whole = pairFacts(facts);
  return faultStories(whole, explainFailover(whole), { limits: defaultLimits, measuredMs });
};

const rows: readonly (readonly [behaviour: string, Partial<PairFacts>, FaultKind, RegExp, number | undefined])[] = [
  ['a crash of a synchronous pair', {}, 'crash', /b takes over/, 400],
  ['a hang', {}, 'hang', /silent for 600 ms, or its disk has hung for 700 ms/, 1_100],
  ['a cut', {}, 'cut', /a acknowledges nothing meanwhile; when only the line between.*a goes on alone/, 1_000],
  [
    'a cut while the primary does not reach the arbiter',
    { heard: [aPrimaryFacts({ arbiterReached: false }), aStandbyFacts()] },
    'cut',
    /b takes over also when only the line/,
    1_000,
  ],
  ['a lost standby', {}, 'standbyLost', /a goes on alone after 300 ms/, 500],
  [
    'a lost standby while the primary does not reach the arbiter',
    { heard: [aPrimaryFacts({ arbiterReached: false }), aStandbyFacts()] },
    'standbyLost',
    /Writes wait.*does not reach the arbiter/,
    undefined,
  ],
  ['a lost standby of a primary whose agent is dead', { heard: [aStandbyFacts()] }, 'standbyLost', /agent of a is not heard/, undefined],
  [
    'a lost standby where two copies are wanted',
    { heard: [aPrimaryFacts({ whenStandbyLost: 'block' }), aStandbyFacts({ whenStandbyLost: 'block' })] },
    'standbyLost',
    /by choice/,
    undefined,
  ],
  ['no arbiter', {}, 'arbiterAway', /a serves on; nobody could take over/, undefined],
  [
    'a crash while the pair is paused',
    { paused: true },
    'crash',
    /started again by the agent of a after 1000 ms; if the machine fails/,
    undefined,
  ],
  ['a hang while the pair is paused', { paused: true }, 'hang', /nobody takes over/, undefined],
  ['a crash of a lone primary', { record: solo }, 'crash', /started again by the agent/, undefined],
  ['a cut of a lone primary', { record: solo }, 'cut', /goes on serving/, undefined],
  ['no arbiter for a lone primary', { record: solo }, 'arbiterAway', /waited for again only when/, undefined],
  ['a claimant that crashes', { record: claim }, 'crash', /a takes the claim back/, undefined],
  ['a crash without a record', { recordLost: 'it is gone' }, 'crash', /no PostgreSQL is started again/, undefined],
  ['a lost standby without a record', { recordLost: 'it is gone' }, 'standbyLost', /nothing is loosened/, undefined],
];

describe('how a pair handles', () => {
  for (const [behaviour, facts, fault, says, outageMs] of rows) {
    test(behaviour, () => {
      const stories = of(facts);
      expect(stories.map((each) => each.fault)).toEqual(faultKinds);
      const story = stories.find((each) => each.fault === fault);
      expect(story?.says).toMatch(says);
      expect(story?.says).toMatch(/^[A-Za-z].*\.$/);
      expect(story?.outageMs).toBe(outageMs);
    });
  }

  test('a fault in the time that was measured last', () => expect(of({}, 150)[0]).toMatchObject({ outageMs: 250 }));
  test('nothing, while nobody serves who could fail', () => expect(of({ record: solo, heard: [aStandbyFacts()] })).toEqual([]));
  test('nothing, while it was never led', () =>
    expect(of({ record: { ...syncRecord, mode: 'new', primary: undefined }, heard: [] })).toEqual([]));
});
