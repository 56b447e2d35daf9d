import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockedReasons, explainFailover, heardFrom, newestRecord } from './explain.ts';
import type { BlockedReason, PairFacts } from './explain.ts';
import type { KnownRecord, MemberFacts } from './member-facts.ts';
import { pairModes } from './pair-record.ts';
import { aPrimaryFacts, aStandbyFacts, pairFacts, syncRecord } from './testing/pair-facts.ts';

interface Row {
  readonly behaviour: string;
  readonly facts: Partial<PairFacts>;
  readonly by?: 'a' | 'b';
  readonly blockedBy?: BlockedReason;
  readonly says: RegExp;
  readonly unserved?: RegExp;
  readonly advises?: RegExp;
}

const record = (change: Partial<KnownRecord>): KnownRecord => ({ ...syncRecord, sequence: 10, ...change });
const b = (change: Partial<MemberFacts>): Partial<PairFacts> => ({ heard: [aPrimaryFacts(), aStandbyFacts(change)] });
const a = (change: Partial<MemberFacts>): Partial<PairFacts> => ({ heard: [aPrimaryFacts(change), aStandbyFacts()] });
const claim = record({ mode: 'claim', primary: 'b', epoch: 4 });
const solo = record({ mode: 'solo' });

const rows: readonly Row[] = [
  { behaviour: 'SYNC and everything well', facts: {}, by: 'b', says: /b reaches the arbiter and may claim/ },
  {
    behaviour: 'SYNC, the standby is dead and the primary has not noticed yet',
    facts: { heard: [aPrimaryFacts()] },
    blockedBy: 'StandbyLost',
    says: /b is not heard.*nobody would take over.*nothing would be lost/,
  },
  {
    behaviour: "SYNC, the primary's agent is dead and its PostgreSQL runs",
    facts: { heard: [aStandbyFacts({ hearsPeer: false })] },
    by: 'b',
    says: /agent of a is not heard/,
    advises: /Start the agent of a/,
  },
  {
    behaviour: 'SYNC, neither is heard: nobody can be counted on',
    facts: { heard: [] },
    blockedBy: 'MembersUnreachable',
    unserved: /^Neither member is heard/,
    says: /by the record a leads with b/i,
  },
  {
    behaviour: 'SYNC, the arbiter is reached by the standby only: it can claim, and the primary could not go on alone',
    facts: a({ arbiterReached: false }),
    by: 'b',
    says: /may claim/,
    advises: /without it a could not go on alone/,
  },
  {
    behaviour: 'SYNC, the arbiter is reached by the primary only: nobody can claim',
    facts: b({ arbiterReached: false }),
    blockedBy: 'ArbiterUnreachable',
    says: /b does not reach the arbiter.*would as soon as the arbiter is back/,
  },
  {
    behaviour: 'SYNC and paused, as the pair says',
    facts: { paused: true },
    blockedBy: 'Paused',
    says: /paused/,
    advises: /hallctl pair resume/,
  },
  { behaviour: 'SYNC and paused, as the standby has it still', facts: b({ paused: true }), blockedBy: 'Paused', says: /paused/ },
  { behaviour: 'SYNC and paused, as the primary alone has it still', facts: a({ paused: true }), by: 'b', says: /may claim/ },
  { behaviour: 'SYNC without proof', facts: b({ data: 'incomplete' }), blockedBy: 'CopyingStandby', says: /no proof/ },
  {
    behaviour: 'SYNC and a standby far behind in replay',
    facts: b({ replayBehind: true }),
    by: 'b',
    says: /replay what it received first/,
  },
  {
    behaviour: 'SYNC and a standby whose PostgreSQL is starting',
    facts: b({ postgres: 'starting' }),
    by: 'b',
    says: /start its PostgreSQL first/,
  },
  {
    behaviour: 'SYNC and a standby whose PostgreSQL hangs',
    facts: b({ stuck: 'its PostgreSQL takes nothing from the stream' }),
    blockedBy: 'StandbyLost',
    says: /takes nothing from the stream, so it could not be promoted/,
  },
  { behaviour: 'SYNC and a full disk of the standby', facts: { diskFull: ['b'] }, blockedBy: 'DiskFull', says: /disk of b/ },
  {
    behaviour: 'SYNC and a full disk of the primary: that is what a failover is for',
    facts: { diskFull: ['a'] },
    by: 'b',
    says: /may claim/,
  },
  {
    behaviour: 'CLAIM under way, the deposed member alive',
    facts: { record: claim },
    by: 'a',
    blockedBy: 'TakeoverRunning',
    says: /a would take the claim back/,
  },
  {
    behaviour: 'CLAIM by a member that cannot open, the deposed member alive',
    facts: { record: claim, ...b({ role: 'primary', stuck: 'it lacks what was acknowledged' }) },
    by: 'a',
    blockedBy: 'TakeoverRunning',
    says: /b has claimed the lead and does not open: it lacks.*a has everything and takes the lead back/,
    advises: /Wait until a leads again/,
  },
  {
    behaviour: 'CLAIM by a member that cannot open, the deposed member dead',
    facts: { record: claim, heard: [aStandbyFacts({ role: 'primary', stuck: 'it lacks what was acknowledged' })] },
    blockedBy: 'TakeoverRunning',
    says: /Only a has everything/,
    advises: /Start a.*--accept-loss/,
  },
  {
    behaviour: 'CLAIM under way, the deposed member dead',
    facts: { record: claim, heard: [aStandbyFacts()] },
    blockedBy: 'TakeoverRunning',
    says: /nobody could take the claim back: a is not heard/,
  },
  {
    behaviour: 'CLAIM under way, the deposed member without arbiter',
    facts: { record: claim, ...a({ arbiterReached: false }) },
    blockedBy: 'TakeoverRunning',
    says: /a does not reach the arbiter/,
  },
  {
    behaviour: 'CLAIM under way, known by the heartbeat of the claimant only',
    facts: { record: undefined, ...b({ record: claim }) },
    by: 'a',
    blockedBy: 'TakeoverRunning',
    says: /b is taking over from a/,
  },
  {
    behaviour: 'SOLO, the standby away',
    facts: { record: solo, heard: [aPrimaryFacts({ streaming: false })] },
    blockedBy: 'StandbyLost',
    says: /a commits alone.*b is not heard/,
    advises: /Start b.*only complete data/,
  },
  {
    behaviour: 'SOLO, the standby copies',
    facts: { record: solo, ...b({ copying: true, data: 'incomplete' }) },
    blockedBy: 'CopyingStandby',
    says: /being brought up to date/,
  },
  {
    behaviour: 'SOLO, the primary dead, the standby back and whole: a person may give up what the primary acknowledged alone',
    facts: { record: solo, called: 'pair-7 -n hall-7', heard: [aStandbyFacts({ streaming: false })] },
    blockedBy: 'PrimaryLost',
    unserved: /^Nobody serves clients now.*a, the primary by the record, is heard by nobody/,
    says: /b lacks what a acknowledged while it led alone/,
    advises: /^Start a.*`hallctl pair adopt pair-7 -n hall-7 --primary b --accept-loss`.*is lost/,
  },
  {
    behaviour: 'SOLO, the primary dead in the middle of the copy: there is nobody to adopt',
    facts: { record: solo, heard: [aStandbyFacts({ streaming: false, data: 'incomplete', copying: true })] },
    blockedBy: 'PrimaryLost',
    unserved: /^Nobody serves/,
    says: /b has no complete copy/,
    advises: /only a backup helps/,
  },
  {
    behaviour: 'SOLO, neither is heard',
    facts: { record: solo, heard: [] },
    blockedBy: 'MembersUnreachable',
    unserved: /cut off from both/,
    says: /a leads alone/,
    advises: /Start a/,
  },
  {
    behaviour: 'SOLO, the primary is heard and its PostgreSQL is down',
    facts: { record: solo, heard: [aPrimaryFacts({ postgres: 'down' })] },
    blockedBy: 'StandbyLost',
    unserved: /PostgreSQL of a, the primary by the record, is down/,
    says: /b is not heard/,
  },
  {
    behaviour: 'SYNC and paused, the primary dead: the end of the pause lets the standby take over',
    facts: { paused: true, heard: [aStandbyFacts({ streaming: false })] },
    blockedBy: 'Paused',
    unserved: /^Nobody serves clients now/,
    says: /^(?!.*if a died)/i,
    advises: /hallctl pair resume.*Or start a/,
  },
  {
    behaviour: 'SYNC and no arbiter, the primary dead',
    facts: { heard: [aStandbyFacts({ streaming: false, arbiterReached: false })] },
    blockedBy: 'ArbiterUnreachable',
    unserved: /^Nobody serves clients now/,
    says: /as soon as the arbiter is back/,
    advises: /Repair the way from b.*Or start a/,
  },
  {
    behaviour: "SYNC and paused, the primary's agent dead and its stream alive",
    facts: { paused: true, heard: [aStandbyFacts()] },
    blockedBy: 'Paused',
    unserved: /at most its PostgreSQL/,
    says: /paused/,
  },
  {
    behaviour: 'frozen, and nobody runs as primary',
    facts: { recordLost: 'it is gone', heard: [aStandbyFacts()] },
    blockedBy: 'RecordLost',
    unserved: /the pair is not served/,
    says: /it is gone/,
  },
  { behaviour: 'SOLO, the standby streams', facts: { record: solo }, blockedBy: 'CopyingStandby', says: /about to be waited for/ },
  {
    behaviour: 'SOLO, the standby is there and cannot stream',
    facts: { record: solo, ...b({ streaming: false, stuck: 'its PostgreSQL could not be started' }) },
    blockedBy: 'StandbyLost',
    says: /does not stream: its PostgreSQL could not be started/,
  },
  {
    behaviour: 'SOLO where two copies are asked for: nothing is acknowledged',
    facts: { record: solo, heard: [aPrimaryFacts({ whenStandbyLost: 'block' })] },
    blockedBy: 'StandbyLost',
    says: /acknowledges nothing until b has a copy again/,
  },
  {
    behaviour: 'a member knows better than the record that the observer has',
    facts: { ...a({ record: solo }) },
    blockedBy: 'CopyingStandby',
    says: /a commits alone/,
  },
  {
    behaviour: 'frozen: the record is gone, as the observer sees it',
    facts: { record: undefined, recordLost: 'it is gone' },
    blockedBy: 'RecordLost',
    says: /it is gone.*a serves on as it did, each commit on both members.*a leads with its peer, epoch 3/,
    advises: /hallctl pair adopt/,
  },
  {
    behaviour: 'frozen: only one member has noticed yet',
    facts: b({ frozen: 'the record is missing' }),
    blockedBy: 'RecordLost',
    says: /b says: the record is missing/,
  },
  {
    behaviour: 'never led',
    facts: { record: record({ mode: 'new', primary: undefined, epoch: 0 }) },
    blockedBy: 'NeverLed',
    says: /never started/,
  },
  {
    behaviour: 'nobody has read a record',
    facts: { record: undefined, heard: [] },
    blockedBy: 'ArbiterUnreachable',
    says: /not been read/,
  },
];

describe('what a pair would do if its primary died now', () => {
  for (const { behaviour, facts, by, blockedBy, says, advises, unserved } of rows) {
    test(behaviour, () => {
      const verdict = explainFailover(pairFacts(facts));
      expect(verdict).toMatchObject({ takesOver: by !== undefined, lossFree: by !== undefined });
      expect([verdict.by, verdict.blockedBy]).toEqual([by, blockedBy]);
      expect(verdict.because.join(' ')).toMatch(says);
      if (advises !== undefined) expect(verdict.advice.join(' ')).toMatch(advises);
      expect(verdict.unserved ?? '').toMatch(unserved ?? /^$/);
    });
  }

  test('every reason has such a row', () => {
    expect(new Set(rows.flatMap((row) => row.blockedBy ?? []))).toEqual(new Set([...blockedReasons, 'MembersUnreachable']));
  });
});

test("a member's own word counts more than what its peer heard of it, and a silent one is known through its peer", () => {
  const hearsay = aStandbyFacts({ streaming: false });
  const own = aStandbyFacts();
  expect(heardFrom([{ facts: aPrimaryFacts(), peer: hearsay }])).toEqual([aPrimaryFacts(), hearsay]);
  expect(
    heardFrom([
      { facts: aPrimaryFacts(), peer: hearsay },
      { facts: own, peer: aPrimaryFacts() },
    ]),
  ).toEqual([aPrimaryFacts(), own]);
  expect(heardFrom([{ facts: own, peer: undefined }])).toEqual([own]);
});

const records = fc.record({
  sequence: fc.nat({ max: 20 }),
  mode: fc.constantFrom(...pairModes),
  epoch: fc.nat({ max: 5 }),
  primary: fc.constantFrom('a', 'b', undefined),
});
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const members = (name: 'a' | 'b'): fc.Arbitrary<MemberFacts> =>
  fc.record({
    name: fc.constant(name),
    record: maybe(records),
    frozen: maybe(fc.constant('gone')),
    arbiterReached: fc.boolean(),
    paused: fc.boolean(),
    whenStandbyLost: fc.constantFrom('continue', 'block'),
    postgres: fc.constantFrom('running', 'starting', 'down'),
    role: fc.constantFrom('primary', 'standby'),
    data: fc.constantFrom('empty', 'incomplete', 'complete'),
    copying: fc.boolean(),
    streaming: fc.boolean(),
    waitsFor: fc.constantFrom('gate', 'peer', 'none', 'unknown'),
    hearsPeer: fc.boolean(),
    stuck: maybe(fc.constant('its replay stands still')),
    replayBehind: fc.boolean(),
  });
const anything: fc.Arbitrary<PairFacts> = fc
  .record({
    record: maybe(records),
    recordLost: maybe(fc.constant('it is gone')),
    paused: fc.boolean(),
    one: maybe(members('a')),
    other: maybe(members('b')),
    diskFull: fc.subarray(['a', 'b']),
  })
  .map(({ one, other, ...rest }) => ({ ...rest, members: ['a', 'b'], heard: [one, other].filter((each) => each !== undefined) }));

test('whatever is known, a verdict keeps its promises', () => {
  fc.assert(
    fc.property(anything, (facts) => {
      const { takesOver, lossFree, by, blockedBy, because, advice, unserved } = explainFailover(facts);
      const taker = facts.heard.find(({ name }) => name === by);
      // Nobody takes over who was not heard, has no proof, is frozen or does not reach the arbiter.
      if (takesOver) expect(taker).toMatchObject({ data: 'complete', arbiterReached: true, frozen: undefined });
      else expect(by).toBeUndefined();
      expect(lossFree).toBe(takesOver);
      if (blockedBy === undefined) expect(takesOver).toBe(true);
      for (const sentence of [...because, ...advice]) expect(sentence).toMatch(/^[A-Za-z].*\.$/);
      expect(because.length).toBeGreaterThan(0);
      if (!takesOver) expect(advice.length).toBeGreaterThan(0);
      // Nobody is told that somebody serves, or to wait for it, while the primary by the record is silent.
      const primary = newestRecord(facts)?.primary;
      const led = blockedBy !== 'RecordLost' && blockedBy !== 'NeverLed' && primary !== undefined;
      if (led && !takesOver && facts.heard.every(({ name }) => name !== primary)) expect(because[0]).toBe(unserved);
      if (takesOver) expect(unserved).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
});
