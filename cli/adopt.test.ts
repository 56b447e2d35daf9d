import { describe, expect, test } from 'vitest';
import type { FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { explainFailover } from '#lib/pair/explain.ts';
import { planAdoption, writeAdopted } from './adopt.ts';
import type { AdoptionPlan } from './adopt.ts';
import { awaitComparison, awaitSync } from './await-adoption.ts';
import { pairFactsOf } from './pair-seen.ts';
import type { PairSeen } from './pair-seen.ts';
import { aPairSeen, aPrimaryStatus, aStandbyStatus } from './testing/pairs.ts';

const signal = new AbortController().signal;
const position = (flushed: string, seconds = 0) => ({ flushed, exact: true, seenAt: `2026-01-02T03:04:0${seconds}Z` });
const frozen = 'the record is missing';
const lost = (b: Partial<FailoverPairStatusMember> = {}, a: Partial<FailoverPairStatusMember> = {}): PairSeen =>
  aPairSeen(
    {
      members: [
        aPrimaryStatus({ frozen, position: position('0/5000000'), ...a }),
        aStandbyStatus({ frozen, position: position('0/5000000'), ...b }),
      ],
    },
    'gone',
  );
const soloA = { mode: 'Solo', primary: 'a', epoch: 3, sequence: 10 } as const;
const emptied = { role: 'Unknown', postgresql: 'Down', knows: soloA } as const;
/** `b` has claimed and does not open, because it lacks something. */
const short = 'what it received cannot be read to the end, so it lacks what was acknowledged';
const claimB = { mode: 'Claim', primary: 'b', epoch: 4, sequence: 10 } as const;
const refusedClaim = (a: FailoverPairStatusMember, stuck: string | null = short): PairSeen => {
  const b = aStandbyStatus({ role: 'Primary', knows: claimB, streaming: false, ...(stuck === null ? {} : { stuck }) });
  return aPairSeen({ members: [a, b], mode: 'Claim', primary: 'b' }, claimB);
};
/** The log of `a`, which leads with its peer by the record, was cut short. */
const cutShort = 'the log on its disk ends before that of the other member, so it lacks what was acknowledged';
const cut = (b: FailoverPairStatusMember, stuck = cutShort): PairSeen =>
  aPairSeen({ members: [aPrimaryStatus({ postgresql: 'Down', streaming: false, stuck }), b] });
const silent = (member: FailoverPairStatusMember): FailoverPairStatusMember => ({ ...member, heard: 'NotHeard' });
const plan = (seen: PairSeen, primary: string): AdoptionPlan => planAdoption(seen, primary, { compared: true });

describe('whether a record is written anew', () => {
  const refused: readonly (readonly [string, PairSeen, string, RegExp])[] = [
    ['it is not lost', aPairSeen(), 'b', /not lost: it says Sync under a.*hallctl pair switchover pair-7 -n hall-7 --to b/],
    [
      'the pair leads alone and is well',
      aPairSeen({}, { mode: 'Solo' }),
      'b',
      /Solo under a.*bring b back, and when the pair is in mode Sync, hallctl/,
    ],
    ['it leads already', aPairSeen({}, { mode: 'Solo' }), 'a', /a is the primary already/],
    [
      'the standby may take over by itself',
      aPairSeen({ members: [aPrimaryStatus({ heard: 'NotHeard' }), aStandbyStatus()] }),
      'b',
      /b takes over by itself unless.*hallctl pair explain pair-7 -n hall-7/,
    ],
    ['the member is none', lost(), 'c', /the members a and b, not c/],
    ['the member is not heard', lost({ heard: 'NotHeard' }), 'b', /b is not heard/],
    ['the member is only known through the other one', lost({ heard: 'ThroughPeer' }), 'b', /b is not heard/],
    ['the member has no proof', lost({ data: 'Incomplete' }), 'b', /no proof/],
    [
      'the member has no proof, and the other one is dead',
      lost({ data: 'Incomplete' }, { heard: 'NotHeard' }),
      'b',
      /b has no proof.*whatever loss is accepted: start a, which is not heard.*only a backup helps$/,
    ],
    ['the dead one is named', lost({ data: 'Incomplete' }, { heard: 'NotHeard' }), 'a', /a is not heard by the operator: start its agent/],
    [
      'it has claimed, cannot open, and the other one has everything',
      refusedClaim(aPrimaryStatus({ knows: claimB })),
      'b',
      /a has what b lacks.*hallctl pair explain pair-7 -n hall-7 says what keeps a from leading/,
    ],
    ['it has claimed and is opening', refusedClaim(silent(aPrimaryStatus()), null), 'b', /b is the primary already/],
    [
      'it has claimed, and nothing says that it lacks anything: it would not start as the adopted one either',
      refusedClaim(silent(aPrimaryStatus()), 'its PostgreSQL could not be started'),
      'b',
      /b is the primary already/,
    ],
    [
      'the other one has claimed and cannot open',
      refusedClaim(aPrimaryStatus({ ...emptied, data: 'Empty' })),
      'a',
      /not lost: it says Claim/,
    ],
    ['its log was cut short, and the standby takes over', cut(aStandbyStatus()), 'a', /b has what a lacks.*explain/],
    [
      'its PostgreSQL does not start',
      cut(silent(aStandbyStatus()), 'its PostgreSQL could not be started'),
      'a',
      /a is the primary already/,
    ],
    ['an etcd keeps it', aPairSeen({}, 'gone', { arbiter: {} }), 'a', /kept in an etcd/],
  ];
  for (const [behaviour, seen, primary, why] of refused) {
    test(`not when ${behaviour}`, () => expect(() => plan(seen, primary)).toThrow(why));
  }

  const allowed: readonly (readonly [string, PairSeen, string, RegExp])[] = [
    ['the record is gone, and the primary holds everything', lost(), 'a', /^$/],
    ['so does its standby', lost(), 'b', /^$/],
    [
      'the standby of a primary that commits alone lacks something',
      lost({}, { waitsFor: 'Nobody' }),
      'b',
      /a is the primary and commits alone/,
    ],
    ['the other one is silent', lost({}, { heard: 'NotHeard' }), 'b', /a is not heard/],
    [
      'the lone primary is gone with its machine',
      aPairSeen({ members: [aPrimaryStatus({ heard: 'NotHeard' }), aStandbyStatus()] }, { mode: 'Solo', sequence: 10 }),
      'b',
      /a is not heard/,
    ],
    [
      'the lone primary is there and its disk was replaced',
      aPairSeen({ members: [aPrimaryStatus({ ...emptied, data: 'Empty' }), aStandbyStatus({ streaming: false, knows: soloA })] }, soloA),
      'b',
      /a led alone and holds no data any more/,
    ],
    [
      'the lone primary is there and has lost its proof',
      aPairSeen(
        { members: [aPrimaryStatus({ ...emptied, data: 'Incomplete' }), aStandbyStatus({ streaming: false, knows: soloA })] },
        soloA,
      ),
      'b',
      /what a has beyond b is lost/,
    ],
    [
      'it has claimed and cannot open, the deposed one silent',
      refusedClaim(silent(aPrimaryStatus())),
      'b',
      /^b lacks what was acknowledged.*a is not heard/,
    ],
    [
      'and the disk of the deposed one was replaced',
      refusedClaim(aPrimaryStatus({ ...emptied, data: 'Empty' })),
      'b',
      /^b lacks what was acknowledged/,
    ],
    [
      'and the deposed one has lost its proof',
      refusedClaim(aPrimaryStatus({ ...emptied, data: 'Incomplete' })),
      'b',
      /^b lacks what was acknowledged/,
    ],
    [
      'and the deposed one lacks something, too',
      refusedClaim(aPrimaryStatus({ postgresql: 'Down', stuck: cutShort })),
      'b',
      /^b lacks what was acknowledged/,
    ],
    [
      'its log was cut short, and the standby is silent',
      cut(silent(aStandbyStatus())),
      'a',
      /^a lacks what was acknowledged.*b is not heard/,
    ],
    [
      'its log was cut short, and the disk of the standby was replaced',
      cut(aStandbyStatus({ role: 'Unknown', postgresql: 'Down', data: 'Empty' })),
      'a',
      /^a lacks what was acknowledged/,
    ],
  ];
  for (const [behaviour, seen, primary, losses] of allowed) {
    test(`when ${behaviour}`, () => expect(plan(seen, primary).verdict.losses.join('; ')).toMatch(losses));
  }
});

test('what explain advises for a claim that cannot be opened is what is allowed', () => {
  const deposed = [
    silent(aPrimaryStatus()),
    ...(['Empty', 'Incomplete', 'Complete'] as const).map((data) => aPrimaryStatus({ ...emptied, data })),
  ];
  for (const a of deposed) {
    const seen = refusedClaim(a);
    const advised = explainFailover(pairFactsOf(seen)).advice.join(' ').includes('--primary b --accept-loss');
    expect(advised).toBe(a.heard === 'NotHeard' || a.data !== 'Complete');
    if (advised) expect(plan(seen, 'b').why).toMatch(/^b .*does not lead: what it received cannot be read/);
    else expect(() => plan(seen, 'b')).toThrow(/not lost/);
  }
});

test('two members at rest are compared by the pasts of their logs', () => {
  const at = (flushed: string, past: object) => ({ postgresql: 'Down', position: { ...position(flushed), past } }) as const;
  const fork = { switches: [{ timeline: 1, end: '0/4000000' }], strays: [] };
  const ancestor = { timeline: 1, ...at('0/3FFFFFF', { switches: [], strays: [] }) };
  const later = { timeline: 1, ...at('0/4000001', { switches: [], strays: [] }) };
  const losses = (a: Partial<FailoverPairStatusMember>): readonly string[] =>
    plan(lost({ timeline: 2, ...at('0/4100000', fork) }, a), 'b').verdict.losses;
  expect(losses(ancestor)).toEqual([]);
  expect(losses(later)).toEqual([expect.stringContaining('is no part of that of b')]);
});

/** An API server that keeps what it is asked, in order. */
function asked() {
  const calls: (readonly [string, unknown])[] = [];
  const answer = (verb: string, value: unknown): Promise<KubeObject> => {
    calls.push([verb, value]);
    return Promise.resolve({ metadata: { name: 'pair-7', uid: 'u', resourceVersion: '8' } });
  };
  const client = {
    create: (_type: unknown, object: unknown) => answer('create', object),
    patch: (_type: unknown, _key: unknown, patch: unknown) => answer('patch', patch),
    delete: (_type: unknown, _key: unknown, options: unknown) => answer('delete', options),
  };
  return { calls, client: client as never };
}
const clock = { nowMs: () => 0, wallMs: () => Date.parse('2026-01-02T03:04:05Z'), sleep: () => Promise.resolve() };

describe('the record that is written', () => {
  test('is newer than everything known, under the chosen member alone, and the pair knows it for its own', async () => {
    const { calls, client } = asked();
    const seen = aPairSeen({ ...lost().pair.status, epoch: 5, history: [{ epoch: 6 }] as never }, 'gone');
    await writeAdopted(plan(seen, 'b'), { author: 'ada', reason: 'why' }, { client, clock }, signal);
    expect(calls).toMatchObject([
      [
        'create',
        {
          metadata: { name: 'pair-7', namespace: 'hall-7', labels: { 'hallkeeper.dev/owner-uid': seen.pair.metadata.uid } },
          spec: { mode: 'Solo', primary: 'b', epoch: 7, systemIdentifier: '7400000000000000000', author: 'ada', reason: 'why' },
        },
      ],
    ]);
    const [[, written] = []] = calls;
    const { spec } = written as { readonly spec: { readonly sequence: number; readonly writers: readonly string[] } };
    expect(spec.sequence).toBeGreaterThan(9);
    expect(spec.writers).toEqual(['system:serviceaccount:hall-7:hallkeeper-pair-7-a', 'system:serviceaccount:hall-7:hallkeeper-pair-7-b']);
  });

  test('takes the place of one that cannot be used, and of exactly that one', async () => {
    const { calls, client } = asked();
    const { status } = lost().pair;
    const seen = aPairSeen(status ?? {}, { sequence: 2, epoch: 1 });
    const uid = seen.record?.metadata.uid;
    await writeAdopted(plan(seen, 'a'), { author: 'ada', reason: 'why' }, { client, clock }, signal);
    expect(calls.map(([verb]) => verb)).toEqual(['patch', 'delete', 'create']);
    expect(calls[0]?.[1]).toMatchObject({
      body: { metadata: { uid, resourceVersion: '7', annotations: { 'hallkeeper.dev/retired': uid } } },
    });
    expect(calls[1]?.[1]).toEqual({ preconditions: { uid, resourceVersion: '8' } });
  });
});

describe('before that the members are compared anew', () => {
  const read = (...all: readonly PairSeen[]) => {
    let count = 0;
    return () => Promise.resolve(all[Math.min(count++, all.length - 1)] ?? lost());
  };
  const awaitFrom = (...all: readonly PairSeen[]) => {
    let nowMs = 0;
    const moving = { ...clock, nowMs: () => nowMs, sleep: (ms: number) => Promise.resolve(void (nowMs += ms)) };
    return awaitComparison({ read: read(...all), clock: moving, progress: () => undefined }, signal);
  };
  const renewed = lost({ position: position('0/6', 9) }, { position: position('0/6', 9) });

  test('until the operator has told both positions once more', async () => {
    const half = lost({ position: position('0/6', 9) });
    expect(await awaitFrom(lost(), half, half, renewed)).toBe(renewed);
  });

  test('and not at all for a record that is not lost', async () => expect(await awaitFrom(aPairSeen())).toEqual(aPairSeen()));

  test('and given up when the operator does not come', async () => {
    await expect(awaitFrom(lost())).rejects.toThrow('does it run');
  });
});

describe('afterwards it is waited for the pair', () => {
  const knows = { mode: 'Solo', primary: 'b', epoch: 5, sequence: 99 } as const;
  const leads = aStandbyStatus({ role: 'Primary', waitsFor: 'Nobody', knows });
  const silent = { name: 'a', heard: 'NotHeard' } as const;
  const behind = aPrimaryStatus({ role: 'Standby', copying: true });
  const solo = { mode: 'Solo', primary: 'b', epoch: 5, sequence: 99 } as const;
  const wait = async (...all: readonly PairSeen[]) => {
    let [nowMs, count] = [0, 0];
    const lines: string[] = [];
    const moving = { ...clock, nowMs: () => nowMs, sleep: (ms: number) => Promise.resolve(void (nowMs += ms)) };
    const read = () => Promise.resolve(all[Math.min(count++, all.length - 1)] ?? lost());
    const end = await awaitSync({ epoch: 5, primary: 'b' }, { read, clock: moving, progress: (line) => lines.push(line) }, signal);
    return { ...end, lines: lines.join('\n'), nowMs };
  };

  test('until it is whole, and says on the way that clients are served', async () => {
    const end = await wait(aPairSeen({ members: [behind, leads] }, solo), aPairSeen({}, { ...solo, mode: 'Sync' }));
    expect(end).toMatchObject({ synchronous: true, serving: true });
    expect(end.lines).toMatch(/clients are served again, by b.*Ctrl-C is safe/);
  });

  test('and no longer than until clients are served where the other member is gone', async () => {
    expect(await wait(aPairSeen({ members: [silent, leads] }, solo))).toMatchObject({
      synchronous: false,
      serving: true,
      missing: 'a',
      nowMs: 0,
    });
  });

  test.each([true, false])('and given up after two minutes, with whether clients are served: %s', async (serving) => {
    const end = await wait(aPairSeen({ members: [behind, serving ? leads : aStandbyStatus()] }, solo));
    expect(end).toMatchObject({ synchronous: false, serving, missing: undefined });
    expect(end.nowMs).toBeGreaterThan(120_000);
  });
});
