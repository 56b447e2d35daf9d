import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockedReasons, explainFailover, heardFrom, newestRecord } from './explain.ts';
import type { BlockedReason, PairFacts } from './explain.ts';
import { factsOf } from './member-facts.ts';
import type { KnownRecord, MemberFacts } from './member-facts.ts';
import { pairModes } from './pair-record.ts';
import { aMember, aPrimary, downPostgres, records, wellPrimary } from './testing/a-member.ts';
import { aPrimaryFacts, aStandbyFacts, pairFacts, syncRecord } from './testing/pair-facts.ts';
import { lacksAcknowledged } from './why-unserved.ts';

interface Row {
  readonly behaviour: string;
  readonly facts: Partial<PairFacts>;
  readonly by?: 'a' | 'b';
  readonly blockedBy?: BlockedReason;
  readonly says: RegExp;
  readonly unserved?: RegExp;
  readonly maybeServed?: true;
  readonly halted?: RegExp;
  readonly advises?: RegExp;
  readonly neverAdvises?: RegExp;
}

const record = (change: Partial<KnownRecord>): KnownRecord => ({ ...syncRecord, sequence: 10, ...change });
const b = (change: Partial<MemberFacts>): Partial<PairFacts> => ({ heard: [aPrimaryFacts(), aStandbyFacts(change)] });
const a = (change: Partial<MemberFacts>): Partial<PairFacts> => ({ heard: [aPrimaryFacts(change), aStandbyFacts()] });
const claim = record({ mode: 'claim', primary: 'b', epoch: 4 });
const solo = record({ mode: 'solo' });
const short = 'what it received cannot be read to the end, so it lacks what was acknowledged';
const cutShort = 'the log on its disk ends before that of the other member, so it lacks what was acknowledged';
const emptied = { postgres: 'down', role: 'standby', data: 'empty', streaming: false } as const;
const refused = aStandbyFacts({ role: 'primary', stuck: short, streaming: false });
const deposed = (change: Partial<MemberFacts>): Partial<PairFacts> => ({ record: claim, heard: [aPrimaryFacts(change), refused] });
/** A synchronous pair whose primary was not started, because its log was cut short. */
const cut = (standby: Partial<MemberFacts> | 'silent', more: Partial<PairFacts> = {}): Partial<PairFacts> => ({
  called: 'pair-7 -n hall-7',
  heard: [
    aPrimaryFacts({ postgres: 'down', streaming: false, stuck: cutShort }),
    ...(standby === 'silent' ? [] : [aStandbyFacts({ streaming: false, ...standby })]),
  ],
  ...more,
});

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
    facts: deposed({}),
    by: 'a',
    blockedBy: 'TakeoverRunning',
    halted: /^b has claimed the lead and does not open: what it received/,
    says: /b has claimed the lead and does not open: what it.*a has everything and takes the lead back/,
    advises: /Wait until a leads again/,
  },
  {
    behaviour: 'CLAIM by a member that cannot open, the deposed member dead',
    facts: { record: claim, heard: [refused] },
    blockedBy: 'TakeoverRunning',
    unserved: /^Nobody serves clients now: b has claimed the lead and does not open: what it received/,
    says: /Only a has everything/,
    advises: /Start a.*Only when a is lost for good, and switched off.*--primary b --accept-loss/,
  },
  ...(['empty', 'incomplete'] as const).map((data): Row => ({
    behaviour: `CLAIM by a member that cannot open, the data of the deposed member ${data}: to start it does not help`,
    facts: deposed({ postgres: 'down', data }),
    blockedBy: 'TakeoverRunning',
    unserved: /^Nobody serves clients now: b has claimed/,
    says:
      data === 'empty'
        ? /a is heard and holds no data.*cannot take the lead back/
        : /a is heard and has no proof that its data is complete/,
    advises: /--primary b --accept-loss.*what it lacks is lost.*only a backup/,
    neverAdvises: /Start a|way to it/,
  })),
  {
    behaviour: 'CLAIM by a member that cannot open, the deposed member whole and without arbiter',
    facts: deposed({ arbiterReached: false }),
    blockedBy: 'TakeoverRunning',
    unserved: /^Nobody serves clients now: b has claimed/,
    says: /a has everything and does not reach the arbiter/,
    advises: /Repair the way from a to the arbiter/,
    neverAdvises: /accept-loss/,
  },
  {
    behaviour: 'CLAIM by a member that cannot open, and the log of the deposed one was cut short, too',
    facts: deposed({ postgres: 'down', stuck: cutShort }),
    blockedBy: 'TakeoverRunning',
    unserved: /^Nobody serves clients now: b has claimed/,
    says: /a is heard and stuck, for the log on its disk ends/,
    advises: /--primary b --accept-loss/,
  },
  {
    behaviour: 'CLAIM by a member whose PostgreSQL does not start, the deposed one dead: to adopt it would not help',
    facts: { record: claim, heard: [aStandbyFacts({ postgres: 'down', stuck: 'its PostgreSQL could not be started' })] },
    blockedBy: 'TakeoverRunning',
    unserved: /could not be started/,
    says: /a, which could take the lead back, is not heard/,
    advises: /Start a.*Look into the log of b/,
    neverAdvises: /adopt/,
  },
  {
    behaviour: 'CLAIM under way, the log of the deposed member cut short: it cannot take the claim back',
    facts: { record: claim, heard: [aPrimaryFacts({ postgres: 'down', stuck: cutShort }), aStandbyFacts()] },
    blockedBy: 'TakeoverRunning',
    says: /nobody could take the claim back: a lacks something itself, for the log on its disk ends/,
  },
  {
    behaviour: 'SYNC, the log of the primary cut short: the standby takes over',
    facts: cut({}),
    by: 'b',
    halted: /^a does not lead: the log on its disk ends before.*lacks what was acknowledged\.$/,
    says: /b has everything that was acknowledged.*takes over/,
    advises: /Wait until b leads.*not start PostgreSQL of a by hand/,
  },
  {
    behaviour: 'SYNC, the log of the primary cut short, and paused',
    facts: cut({}, { paused: true }),
    blockedBy: 'Paused',
    unserved: /^Nobody serves clients now: a, the primary by the record, does not lead: the log on its disk/,
    says: /^(?!.*If a died).*b has everything that was acknowledged.*paused/,
    advises: /hallctl pair resume.*b then takes over by itself/,
    neverAdvises: /accept-loss/,
  },
  {
    behaviour: 'SYNC, the log of the primary cut short, and the standby without arbiter',
    facts: cut({ arbiterReached: false }),
    blockedBy: 'ArbiterUnreachable',
    unserved: /^Nobody serves clients now: a, .*does not lead: the log/,
    says: /^(?!.*If a died).*b has everything.*b does not reach the arbiter/,
    advises: /Repair the way from b to the arbiter.*b then takes over by itself/,
    neverAdvises: /accept-loss/,
  },
  {
    behaviour: 'SYNC, the log of the primary cut short, and the standby silent',
    facts: cut('silent'),
    blockedBy: 'StandbyLost',
    unserved: /^Nobody serves clients now: a, .*does not lead: the log/,
    says: /^(?!.*(If a died|goes on alone)).*Only b has everything that was acknowledged, and it is not heard/,
    advises:
      /Start b.*takes over by itself.*Only when b is lost for good, and switched off: `hallctl pair adopt pair-7 -n hall-7 --primary a --accept-loss`/,
  },
  {
    behaviour: 'SYNC, the log of the primary cut short, and the standby has lost its data',
    facts: cut({ postgres: 'down', data: 'empty' }),
    blockedBy: 'CopyingStandby',
    unserved: /^Nobody serves clients now: a, .*does not lead: the log/,
    says: /b is heard and holds no data/,
    advises: /--primary a --accept-loss.*only a backup/,
    neverAdvises: /Wait until b is copied/,
  },
  {
    behaviour: 'SYNC, PostgreSQL of the primary does not start, and the standby is silent: the primary is not to be adopted',
    facts: { heard: [aPrimaryFacts({ postgres: 'down', stuck: 'its PostgreSQL could not be started' })] },
    blockedBy: 'StandbyLost',
    unserved: /a, .*does not lead: its PostgreSQL could not be started/,
    says: /b is not heard/,
    advises: /Start b.*Look into the log of a/,
    neverAdvises: /adopt/,
  },
  {
    behaviour: 'SYNC, the primary has lost its data: the standby takes over',
    facts: a(emptied),
    by: 'b',
    halted: /^a does not lead: it holds no data\.$/,
    says: /b has everything/,
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
    maybeServed: true,
    says: /paused/,
  },
  {
    behaviour: 'frozen, and nobody runs as primary',
    facts: { recordLost: 'it is gone', heard: [aStandbyFacts({ streaming: false })] },
    blockedBy: 'RecordLost',
    unserved: /the pair is not served/,
    says: /it is gone/,
    advises:
      /Start a, or repair the way to it.*Compare both members.*Only when a is lost for good, and switched off.*--primary b --accept-loss/,
  },
  {
    behaviour: 'frozen, and the only member that is heard streams from the silent one, which may serve',
    facts: { recordLost: 'it is gone', heard: [aStandbyFacts()] },
    blockedBy: 'RecordLost',
    unserved: /agent of a is heard by nobody: at most its PostgreSQL/,
    maybeServed: true,
    says: /it is gone/,
    advises: /Start a/,
  },
  {
    behaviour: 'frozen, and nobody is heard',
    facts: { recordLost: 'it is gone', heard: [] },
    blockedBy: 'RecordLost',
    unserved: /^Neither member is heard/,
    says: /it is gone/,
    advises: /Start a and b, or repair the way to them.*--primary MEMBER/,
    neverAdvises: /Restart nothing/,
  },
  ...(['empty', 'incomplete'] as const).map((data): Row => ({
    behaviour: `frozen, the primary silent and the data of the other member ${data}: only the silent one can be adopted`,
    facts: { recordLost: 'it is gone', heard: [aStandbyFacts({ streaming: false, data, postgres: 'down' })] },
    blockedBy: 'RecordLost',
    unserved: /the pair is not served/,
    says: /it is gone/,
    advises: /^Start a, or repair the way to it.*b (holds no data|has no proof).*--primary a`.*lost for good, only a backup helps/,
    neverAdvises: /Restart nothing|MEMBER/,
  })),
  {
    behaviour: 'frozen, and the primary that serves has lost its proof: it is left alone, and the other one started',
    facts: { recordLost: 'it is gone', heard: [aPrimaryFacts({ data: 'incomplete', streaming: false })] },
    blockedBy: 'RecordLost',
    says: /a serves on/,
    advises: /^Start b.*Restart nothing of a/,
  },
  {
    behaviour: 'frozen, and neither member has complete data',
    facts: { recordLost: 'it is gone', heard: [aPrimaryFacts(emptied), aStandbyFacts({ ...emptied, data: 'incomplete' })] },
    blockedBy: 'RecordLost',
    unserved: /the pair is not served/,
    says: /it is gone/,
    advises: /only a backup helps/,
    neverAdvises: /adopt/,
  },
  {
    behaviour: 'frozen, nobody leads, and one of both has complete data',
    facts: { recordLost: 'it is gone', heard: [aPrimaryFacts(emptied), aStandbyFacts({ streaming: false })] },
    blockedBy: 'RecordLost',
    unserved: /the pair is not served/,
    says: /it is gone/,
    advises: /--primary b`/,
  },
  {
    behaviour: 'SOLO, the primary is heard and has lost its data, the standby whole: it may be adopted',
    facts: { record: solo, called: 'pair-7 -n hall-7', heard: [aPrimaryFacts(emptied), aStandbyFacts({ streaming: false })] },
    blockedBy: 'PrimaryLost',
    unserved: /^Nobody serves clients now: a, the primary by the record, does not lead: it holds no data/,
    says: /b lacks what a acknowledged while it led alone/,
    advises: /disk of a.*`hallctl pair adopt pair-7 -n hall-7 --primary b --accept-loss`.*is lost/,
    neverAdvises: /If a fails|Wait for b/,
  },
  {
    behaviour: 'SOLO, the primary is heard and has lost its proof, the standby silent',
    facts: { record: solo, heard: [aPrimaryFacts({ ...emptied, data: 'incomplete' })] },
    blockedBy: 'PrimaryLost',
    unserved: /does not lead: it cannot start: its data has no proof/,
    says: /b is not heard/,
    advises: /disk of a.*Or start b.*--primary b --accept-loss/,
  },
  {
    behaviour: 'SOLO, neither has data, as at the first start',
    facts: { record: solo, heard: [aPrimaryFacts(emptied), aStandbyFacts(emptied)] },
    blockedBy: 'CopyingStandby',
    unserved: /does not lead: it holds no data/,
    says: /b has no complete copy/,
    advises: /only just started.*only a backup helps/,
    neverAdvises: /adopt/,
  },
  {
    behaviour: 'SOLO, PostgreSQL of the primary does not start',
    facts: { record: solo, heard: [aPrimaryFacts({ postgres: 'down', stuck: 'its PostgreSQL could not be started' })] },
    blockedBy: 'StandbyLost',
    unserved: /a, .*does not lead: its PostgreSQL could not be started/,
    says: /b is not heard/,
    advises: /Look into the log of a first: it has the only complete data/,
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
  for (const { behaviour, facts, by, blockedBy, says, advises, neverAdvises, unserved, maybeServed, halted } of rows) {
    test(behaviour, () => {
      const verdict = explainFailover(pairFacts(facts));
      expect(verdict).toMatchObject({ takesOver: by !== undefined, lossFree: by !== undefined });
      expect([verdict.by, verdict.blockedBy]).toEqual([by, blockedBy]);
      expect(verdict.because.join(' ')).toMatch(says);
      if (advises !== undefined) expect(verdict.advice.join(' ')).toMatch(advises);
      if (neverAdvises !== undefined) expect(verdict.advice.join(' ')).not.toMatch(neverAdvises);
      expect(verdict.unserved ?? '').toMatch(unserved ?? /^$/);
      expect(verdict.maybeServed).toBe(maybeServed);
      expect(verdict.halted ?? '').toMatch(halted ?? /^$/);
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

test('what members say of themselves is known again: which of it is a loss', () => {
  const logSuspicion = { lsn: 6_000n, looks: 3 };
  const primary = factsOf(aPrimary({ logSuspicion, postgres: downPostgres }));
  const claimant = factsOf(
    aMember({
      record: { ...records.claimed, acknowledged: { timeline: 3, lsn: 4_900n } },
      postgres: { ...wellPrimary, timeline: 4, left: [{ timeline: 3, lsn: 4_000n }] },
    }),
  );
  const broken = factsOf(aMember({ operationFailures: 1, postgres: downPostgres }));
  expect([primary, claimant, broken].map(({ stuck }) => stuck)).toEqual([cutShort, short, 'its PostgreSQL could not be started']);
  expect([primary, claimant, broken, aStandbyFacts()].map(lacksAcknowledged)).toEqual([true, true, false, false]);
});

const anyRecord = fc.record({
  sequence: fc.nat({ max: 20 }),
  mode: fc.constantFrom(...pairModes),
  epoch: fc.nat({ max: 5 }),
  primary: fc.constantFrom('a', 'b', undefined),
});
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const members = (name: 'a' | 'b'): fc.Arbitrary<MemberFacts> =>
  fc.record({
    name: fc.constant(name),
    record: maybe(anyRecord),
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
    stuck: maybe(fc.constantFrom('its replay stands still', short, cutShort)),
    replayBehind: fc.boolean(),
  });
const anything: fc.Arbitrary<PairFacts> = fc
  .record({
    record: maybe(anyRecord),
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
      const { takesOver, lossFree, by, blockedBy, because, advice, unserved, maybeServed, halted } = explainFailover(facts);
      const taker = facts.heard.find(({ name }) => name === by);
      // Nobody takes over who was not heard, has no proof, is frozen or does not reach the arbiter.
      if (takesOver) expect(taker).toMatchObject({ data: 'complete', arbiterReached: true, frozen: undefined });
      else expect(by).toBeUndefined();
      if (takesOver) expect([short, cutShort]).not.toContain(taker?.stuck);
      expect(lossFree).toBe(takesOver);
      if (blockedBy === undefined) expect(takesOver).toBe(true);
      for (const sentence of [...because, ...advice]) expect(sentence).toMatch(/^[A-Za-z].*\.$/);
      expect(because.length).toBeGreaterThan(0);
      if (!takesOver) expect(advice.length).toBeGreaterThan(0);
      // Nobody is told that somebody serves, or to wait for it, while the primary by the record is silent.
      const primary = newestRecord(facts)?.primary;
      const led = blockedBy !== 'RecordLost' && blockedBy !== 'NeverLed' && primary !== undefined;
      if (led && !takesOver && facts.heard.every(({ name }) => name !== primary)) expect(because[0]).toBe(unserved);
      if (maybeServed === true) expect(unserved).toMatch(/at most/);
      if (takesOver) expect(unserved).toBeUndefined();
      else expect(halted).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
});
