import { describe, expect, test } from 'vitest';
import { aStandbyFacts } from '#lib/pair/testing/pair-facts.ts';
import { aStoredPair } from '#test/api/stored-pair.ts';
import type { PairView } from './pair-view.ts';
import { aPairView, heard } from '../testing/views.ts';
import { decideDeletion, giveUpAfterMs, pairFinalizer } from './decide-deletion.ts';
import { decidePush, pushAfterMs, pushEveryMs } from './decide-push.ts';
import { refusalsOf, rivalsOf } from './decide-refusal.ts';
import { decideStatus } from './decide-status.ts';
import { decideToken } from './decide-token.ts';
import { failuresMax, Observations, wordsEvery } from './observations.ts';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import { writersOf } from './pair-names.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');

/** A token whose signature nobody looks at. */
function token(claims: object): string {
  return ['h', Buffer.from(JSON.stringify(claims)).toString('base64url'), 's'].join('.');
}
const account = (uid: string) => ({ 'kubernetes.io': { serviceaccount: { uid } } });
const issued = (agoSeconds: number, lifeSeconds: number) => ({
  iat: nowMs / 1_000 - agoSeconds,
  exp: nowMs / 1_000 - agoSeconds + lifeSeconds,
});

for (const { behaviour, given, does } of [
  { behaviour: 'no token: ask', given: undefined, does: { do: 'request', why: 'none' } },
  { behaviour: 'no JWT: ask', given: 'x.y', does: { do: 'request', why: 'unreadable' } },
  { behaviour: 'a fresh one stays', given: token({ ...issued(10, 86_400), ...account('u') }), does: { do: 'keep' } },
  {
    behaviour: 'after half of its life it is renewed',
    given: token({ ...issued(43_200, 86_400), ...account('u') }),
    does: { do: 'request', why: 'age' },
  },
  { behaviour: 'a second before that it stays', given: token({ ...issued(43_199, 86_400), ...account('u') }), does: { do: 'keep' } },
  {
    behaviour: 'a life that the server shortened counts',
    given: token({ ...issued(1_800, 3_600), ...account('u') }),
    does: { do: 'request', why: 'age' },
  },
  {
    behaviour: 'the account was made anew',
    given: token({ ...issued(10, 86_400), ...account('v') }),
    does: { do: 'request', why: 'other account' },
  },
]) {
  test(`token: ${behaviour}`, () => expect(decideToken(given, 'u', nowMs)).toMatchObject(does));
}

for (const { behaviour, policy, finalizers, deleted, does } of [
  {
    behaviour: 'a retained pair needs no finalizer',
    policy: 'Retain',
    finalizers: [],
    deleted: undefined,
    does: { do: 'live', finalizer: 'keep' },
  },
  {
    behaviour: 'a pair to be taken down gets one',
    policy: 'Delete',
    finalizers: [],
    deleted: undefined,
    does: { do: 'live', finalizer: 'add' },
  },
  { behaviour: 'and keeps it', policy: 'Delete', finalizers: [pairFinalizer], deleted: undefined, does: { do: 'live', finalizer: 'keep' } },
  {
    behaviour: 'a changed mind takes it off',
    policy: 'Retain',
    finalizers: [pairFinalizer],
    deleted: undefined,
    does: { do: 'live', finalizer: 'remove' },
  },
  {
    behaviour: 'deleted, it is taken down',
    policy: 'Delete',
    finalizers: [pairFinalizer],
    deleted: 1_000,
    does: { do: 'cleanUp', giveUp: false },
  },
  {
    behaviour: 'after ten minutes it gives up',
    policy: 'Delete',
    finalizers: [pairFinalizer],
    deleted: giveUpAfterMs,
    does: { do: 'cleanUp', giveUp: true },
  },
  {
    behaviour: 'retained at the last moment, all is left',
    policy: 'Retain',
    finalizers: [pairFinalizer],
    deleted: 1_000,
    does: { do: 'leave', finalizer: 'remove' },
  },
  {
    behaviour: 'others hold it, nothing to do',
    policy: 'Delete',
    finalizers: ['x/y'],
    deleted: 1_000,
    does: { do: 'leave', finalizer: 'keep' },
  },
] as const) {
  test(`deletion: ${behaviour}`, () => {
    const deletion = deleted === undefined ? {} : { deletionTimestamp: new Date(nowMs - deleted).toISOString() };
    const pair = aStoredPair({ spec: { deletionPolicy: policy }, metadata: { finalizers, ...deletion } });
    expect(decideDeletion(pair, nowMs)).toEqual(does);
  });
}

for (const { behaviour, facts, does } of [
  {
    behaviour: 'a member with the right settings is left alone',
    facts: { differsSinceMs: undefined, arbiterReached: true, pushedAtMs: -Infinity },
    does: false,
  },
  {
    behaviour: 'it may read its Secret first',
    facts: { differsSinceMs: 100_001 - pushAfterMs, arbiterReached: true, pushedAtMs: -Infinity },
    does: false,
  },
  {
    behaviour: 'then settings are pushed',
    facts: { differsSinceMs: 100_000 - pushAfterMs, arbiterReached: true, pushedAtMs: -Infinity },
    does: true,
  },
  {
    behaviour: 'one that reaches no API server gets a token',
    facts: { differsSinceMs: undefined, arbiterReached: false, pushedAtMs: -Infinity },
    does: true,
  },
  {
    behaviour: 'but not all the time',
    facts: { differsSinceMs: undefined, arbiterReached: false, pushedAtMs: 100_001 - pushEveryMs },
    does: false,
  },
]) {
  test(`push: ${behaviour}`, () => expect(decidePush(facts, 100_000)).toBe(does));
}

test('a spec is refused with every reason at once', () => {
  const pod = { storage: '20Gi' };
  const pair = aStoredPair({
    spec: {
      members: [
        { name: 'a', pod },
        { name: 'b', pod },
      ],
      arbiter: { etcd: { endpoints: ['https://e:2379', 'https://e:99999'], tlsSecretRef: { name: 't' } } },
      hallServer: { port: 5432, adminPort: 7444 },
    },
  });
  const problems = refusalsOf({
    pair,
    earlierRecord: true,
    tsig: { found: false, says: 'no Secret' },
    etcdTls: { found: false, says: ['no tls.crt', 'no tls.key'] },
    rivals: [{ pair: 'x/y', place: '10.0.0.1 port 5432' }],
  });
  expect(problems.map((problem) => problem.split(':')[0])).toEqual([
    'members of kind pod are not supported yet',
    'arbiter.etcd.endpoints',
    'no tls.crt',
    'no tls.key',
    'no Secret',
    'the PairRecord pair-7 belongs to an earlier pair of this name, whose members may still serve',
    '10.0.0.1 port 5432 belongs to the pair x/y already, which was there before hall-7/pair-7',
    'port 5432 is given to two servers of one member',
  ]);
  expect(refusalsOf(aPairView())).toEqual([]);
});

test('of two pairs at one place the later is refused, whatever order they are looked at', () => {
  const early = aStoredPair({ metadata: { name: 'early', uid: 'u2' } });
  const late = aStoredPair({ metadata: { name: 'late', uid: 'u1', creationTimestamp: '2026-01-02T03:04:06Z' } });
  const twin = aStoredPair({ metadata: { name: 'twin', uid: 'u3' } });
  const elsewhere = aStoredPair({
    metadata: { uid: 'u0' },
    spec: { postgresql: { port: 5433, slotKeepMegabytes: 64 }, hallServer: { port: 1, adminPort: 2 } },
  });
  const all = [twin, late, elsewhere, early];
  const namesOf = (pair: typeof early): readonly string[] => rivalsOf(pair, all).map((rival) => rival.pair);
  expect(namesOf(early)).toEqual([]);
  expect(namesOf(twin)).toEqual(['hall-7/early']);
  expect(namesOf(late)).toEqual(['hall-7/twin', 'hall-7/early']);
  expect(namesOf(elsewhere)).toEqual([]);
});

test('the writers of a record are the accounts of its members', () => {
  expect(writersOf(aStoredPair())).toEqual(['a', 'b'].map((member) => `system:serviceaccount:hall-7:hallkeeper-pair-7-${member}`));
});

test('a member counts as gone only after several calls failed, and at once when it never answered', () => {
  const observations = new Observations();
  const seen = (member: string) => observations.of('u').members.get(member);
  observations.failed('u', 'a', 'refused');
  expect(seen('a')).toMatchObject({ reachable: false, status: undefined, why: 'refused' });
  observations.answered('u', 'a', aMemberStatus());
  for (let count = 1; count < failuresMax; count += 1) observations.failed('u', 'a', 'refused');
  expect(seen('a')?.reachable).toBe(true);
  observations.failed('u', 'a', 'refused');
  expect(seen('a')).toMatchObject({ reachable: false, status: { member: 'a' } });
  observations.forget('u');
  expect(seen('a')).toBeUndefined();
});

test('the words about a member that is gone are renewed about once a minute', () => {
  const observations = new Observations();
  const whys = Array.from({ length: 2 * wordsEvery }, (_, count) => {
    observations.failed('u', 'a', `way ${count + 1}`);
    return observations.of('u').members.get('a')?.why;
  });
  expect([...new Set(whys)]).toEqual(['way 1', `way ${wordsEvery}`, `way ${2 * wordsEvery}`]);
});

test('a status holds what changed, and keeps times while nothing does', () => {
  const first = decideStatus(aPairView(), [], nowMs);
  expect(first).toMatchObject({ mode: 'Sync', primary: 'a', standby: 'b', epoch: 3, usedBy: [], observedGeneration: 3 });
  expect(first.members?.[0]).toMatchObject({ name: 'a', role: 'Primary', since: '2026-03-01T11:59:55Z' });
  expect(first.members?.[1]).toMatchObject({ name: 'b', role: 'Standby', lag: 'None' });
  const moved = aPairView({
    pair: aStoredPair({ status: first }),
    members: new Map([
      ['a', heard({ role: 'primary', step: 'leading', lagBytes: 900_000, flushPosition: '0/9000000', stepSeconds: 65 })],
      ['b', heard({ member: 'b', step: 'following', stepSeconds: 66 })],
    ]),
  });
  expect(decideStatus(moved, [], nowMs + 61_500)).toEqual(first);
  // The record is gone, and what is known of it stays.
  expect(decideStatus({ ...moved, record: undefined }, [], nowMs + 61_500)).toMatchObject(first);
});

describe('what the verdict about a failover rests on stands in the status', () => {
  const of = (name: 'a' | 'b', view: Partial<PairView>) =>
    decideStatus(aPairView(view), [], nowMs).members?.find((member) => member.name === name);
  const primary = heard({ role: 'primary', peer: aStandbyFacts({ replayBehind: true }) });
  const standby = heard({ member: 'b' });
  const failed = (view: typeof standby): typeof standby => ({ ...view, why: 'ECONNREFUSED' });
  const pairOf = (a: typeof standby, b: typeof standby): Partial<PairView> => ({
    members: new Map([
      ['a', a],
      ['b', b],
    ]),
  });

  test('from a member itself', () => {
    const knows = { record: { mode: 'sync', epoch: 3, sequence: 9, primary: 'a' } } as const;
    expect(of('b', pairOf(primary, heard({ member: 'b', facts: { ...knows, stuck: 'its replay stands still' } })))).toMatchObject({
      heard: 'Directly',
      knows: { mode: 'Sync', epoch: 3, sequence: 9, primary: 'a' },
      data: 'Complete',
      stuck: 'its replay stands still',
      replayBehind: false,
    });
  });

  test('through its peer once it fails to answer, and not at all when the peer does not hear it either', () => {
    expect(of('b', pairOf(primary, failed(standby)))).toMatchObject({ heard: 'ThroughPeer', replayBehind: true, reachable: true });
    expect(of('b', pairOf(heard({ role: 'primary' }), failed(standby)))).toEqual(expect.objectContaining({ heard: 'NotHeard' }));
    expect(of('b', pairOf(failed(primary), failed(standby)))).toMatchObject({ heard: 'Directly' });
  });

  test('with the position only while the record is lost, and renewed every ten seconds', () => {
    const lost = pairOf(primary, heard({ member: 'b', flushPosition: '0/5', facts: { frozen: 'the record is missing' } }));
    expect(of('b', pairOf(primary, standby))).not.toHaveProperty('position');
    const first = decideStatus(aPairView(lost), [], nowMs);
    expect(first.members?.[1]).toMatchObject({ position: { flushed: '0/5', exact: true, seenAt: '2026-03-01T12:00:00Z' } });
    const later = (ms: number) =>
      decideStatus(
        aPairView({
          ...pairOf(primary, heard({ member: 'b', flushPosition: '0/7', facts: { frozen: 'gone' } })),
          pair: aStoredPair({ status: first }),
        }),
        [],
        nowMs + ms,
      ).members?.[1]?.position;
    expect(later(9_999)).toEqual(first.members?.[1]?.position);
    expect(later(10_000)).toMatchObject({ flushed: '0/7' });
  });
});

test('a lag at a limit is told once, and not each time it moves', () => {
  const mebibytes = (count: number): number => count * 1_048_576;
  let pair = aStoredPair();
  const told = [0, 2, 0.9, 0.6, 0.4, 0.9, 65, 60, 40, 20, 0].map((lag) => {
    const members = new Map([
      ['a', heard({ role: 'primary', step: 'leading', lagBytes: mebibytes(lag) })],
      ['b', heard({ step: 'following' })],
    ]);
    const status = decideStatus(aPairView({ pair, members }), [], nowMs);
    pair = aStoredPair({ status });
    return status.members?.[1]?.lag;
  });
  expect(told).toEqual(['None', 'Small', 'Small', 'Small', 'None', 'None', 'Large', 'Large', 'Large', 'Small', 'None']);
});
