import { expect, test } from 'vitest';
import type { FailoverPairDns } from '#lib/api/failoverpair.gen.ts';
import { aStandbyFacts } from '#lib/pair/testing/pair-facts.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { aPairView, aSlice, heard } from '../testing/views.ts';
import { serviceOf } from './act-route.ts';
import { decideConditions, inSteps } from './decide-conditions.ts';
import { pairConditions } from './pair-conditions.ts';
import type { PairConditionType } from './pair-conditions.ts';
import type { AuthorityProblem, DnsServerView, PairView } from './pair-view.ts';

const dns: FailoverPairDns = {
  zone: 'halls.test',
  name: 'p.halls.test',
  ttl: 1,
  servers: [{ address: '10.0.0.53', port: 53 }],
  tsigKeyName: 'k',
  tsigSecretRef: { name: 's', key: 'k' },
};
const withDns = aStoredPair({ spec: { dns } });
const withService = aStoredPair({ spec: { service: { name: 'pair', ports: [{ name: 'hall', port: 7443 }] } } });
const server = (state: DnsServerView['state']): DnsServerView => ({ server: '10.0.0.53 port 53', state, says: `it is ${state}` });
const dnsSeen = (...states: readonly DnsServerView['state'][]): PairView['dns'] => ({ epoch: 3, servers: states.map(server) });
const silent = { reachable: false, status: undefined, why: 'ECONNREFUSED' };
type Seen = ReturnType<typeof heard> | typeof silent;
/** Whatever a test built, it is told of `b`. */
const asB = (view: Seen): Seen =>
  view.status === undefined ? view : { ...view, status: { ...view.status, member: 'b', facts: { ...view.status.facts, name: 'b' } } };
const members = (a: Seen, b: Seen): PairView['members'] =>
  new Map([
    ['a', a],
    ['b', asB(b)],
  ]);
const primary = heard({ role: 'primary', step: 'leading' });
const standby = heard({ step: 'following' });

interface Row {
  readonly behaviour: string;
  readonly view: Partial<PairView>;
  readonly says: readonly [PairConditionType, 'True' | 'False' | 'Unknown', string];
  readonly words?: string;
  readonly refusals?: readonly string[];
  readonly authorityProblem?: AuthorityProblem;
}

const zero = 'ZeroLossFailoverPossible';
const toldOfDisk = aStoredPair({ status: { mode: 'Sync', members: [{ name: 'b', diskFull: true }] } });
const rows: readonly Row[] = [
  { behaviour: 'an accepted pair is ready', view: {}, says: ['Ready', 'True', 'SettingsDelivered'] },
  {
    behaviour: 'every problem of a spec is listed',
    view: {},
    refusals: ['one', 'two'],
    says: ['Ready', 'False', 'SpecRefused'],
    words: '(1) one; (2) two',
  },
  {
    behaviour: 'an object of somebody else is named',
    view: { foreign: ['Secret x'] },
    says: ['Ready', 'False', 'ObjectForeign'],
    words: 'Secret x',
  },
  {
    behaviour: 'a damaged authority is no reason to make another',
    view: {},
    authorityProblem: { reason: 'AuthorityUnreadable', message: 'restore it' },
    says: ['Ready', 'False', 'AuthorityUnreadable'],
  },
  {
    behaviour: 'the authority is gone',
    view: {},
    authorityProblem: { reason: 'AuthorityLost', message: 'give it up' },
    says: ['Ready', 'False', 'AuthorityLost'],
  },

  { behaviour: 'in Sync with both members well nothing is lost', view: {}, says: [zero, 'True', 'StandbyStreaming'] },
  {
    behaviour: 'a new pair cannot fail over',
    view: { record: aStoredRecord({ mode: 'New', epoch: 0 }) },
    says: [zero, 'False', 'NeverLed'],
  },
  { behaviour: 'a pair without record that never had one is not lost', view: { record: undefined }, says: [zero, 'False', 'NeverLed'] },
  {
    behaviour: 'a record that was there and is gone is lost',
    view: { record: undefined, pair: aStoredPair({ status: { mode: 'Sync' } }) },
    says: [zero, 'False', 'RecordLost'],
  },
  {
    behaviour: 'a record that names a stranger is lost',
    view: { record: aStoredRecord({ primary: 'x' }) },
    says: [zero, 'False', 'RecordLost'],
  },
  { behaviour: 'a paused spec is told', view: { pair: aStoredPair({ spec: { paused: true } }) }, says: [zero, 'False', 'Paused'] },
  {
    behaviour: 'a pause by an operation is told',
    view: { pair: aStoredPair({ metadata: { annotations: { 'hallkeeper.dev/paused-by': 'op' } } }) },
    says: [zero, 'False', 'Paused'],
  },
  { behaviour: 'a claim is a take-over', view: { record: aStoredRecord({ mode: 'Claim' }) }, says: [zero, 'False', 'TakeoverRunning'] },
  {
    behaviour: 'a standby with a full disk may fail to take over',
    view: { members: members(primary, heard({ diskFreePercent: 4 })) },
    says: [zero, 'False', 'DiskFull'],
    words: 'disk of b',
  },
  {
    behaviour: 'a primary with a full disk is what a failover is for',
    view: { members: members(heard({ role: 'primary', diskFreePercent: 0 }), standby) },
    says: [zero, 'True', 'StandbyStreaming'],
  },
  {
    behaviour: 'whose commits do not wait for the standby is told beside it',
    view: { members: members(heard({ role: 'primary', loweredCommits: ['role reports'] }), standby) },
    says: [zero, 'True', 'StandbyStreaming'],
    words: 'Commits of role reports do not wait',
  },
  {
    behaviour: 'and is not cut off by much else that there is to say',
    view: {
      members: members(heard({ role: 'primary', loweredCommits: ['role reports'] }), heard({ facts: { stuck: 's'.repeat(2_000) } })),
    },
    says: [zero, 'False', 'StandbyLost'],
    words: 'Commits of role reports do not wait',
  },
  {
    behaviour: 'once told, somewhat more must be free',
    view: { members: members(primary, heard({ diskFreePercent: 6 })), pair: toldOfDisk },
    says: [zero, 'False', 'DiskFull'],
  },
  {
    behaviour: 'with more of it nobody worries any more',
    view: { members: members(primary, heard({ diskFreePercent: 7 })), pair: toldOfDisk },
    says: [zero, 'True', 'StandbyStreaming'],
  },
  {
    behaviour: 'a disk that was never told of needs less',
    view: { members: members(primary, heard({ diskFreePercent: 5 })) },
    says: [zero, 'True', 'StandbyStreaming'],
  },
  {
    behaviour: 'alone with a standby that copies',
    view: { record: aStoredRecord({ mode: 'Solo' }), members: members(primary, heard({ step: 'rejoin 47 %', facts: { copying: true } })) },
    says: [zero, 'False', 'CopyingStandby'],
    words: 'b: rejoin 40 %',
  },
  {
    behaviour: 'alone with a silent standby',
    view: { record: aStoredRecord({ mode: 'Solo' }), members: members(primary, silent) },
    says: [zero, 'False', 'StandbyLost'],
  },
  {
    behaviour: 'a member without arbiter cannot take over',
    view: { members: members(primary, heard({ arbiterReached: false })) },
    says: [zero, 'False', 'ArbiterUnreachable'],
    words: 'b does not',
  },
  {
    behaviour: 'in Sync with nobody to ask it is not known',
    view: { members: members(silent, silent) },
    says: [zero, 'Unknown', 'MembersUnreachable'],
    words: 'Neither member is heard',
  },
  {
    behaviour: 'alone with nobody to ask it is not known either',
    view: { record: aStoredRecord({ mode: 'Solo' }), members: members(silent, silent) },
    says: [zero, 'Unknown', 'MembersUnreachable'],
  },
  {
    behaviour: 'a lone primary that nobody hears',
    view: { record: aStoredRecord({ mode: 'Solo' }), members: members(silent, heard({ facts: { streaming: false } })) },
    says: [zero, 'False', 'PrimaryLost'],
    words: 'Nobody serves clients now',
  },
  {
    behaviour: 'a primary without arbiter hinders nobody',
    view: { members: members(heard({ role: 'primary', arbiterReached: false }), standby) },
    says: [zero, 'True', 'StandbyStreaming'],
    words: 'Repair the way from a to the arbiter',
  },
  {
    behaviour: 'in Sync with a standby that nobody hears',
    view: { members: members(primary, silent) },
    says: [zero, 'False', 'StandbyLost'],
    words: 'b is not heard',
  },
  {
    behaviour: 'a standby that only the primary hears is heard',
    view: { members: members(heard({ role: 'primary', peer: aStandbyFacts() }), silent) },
    says: [zero, 'True', 'StandbyStreaming'],
  },
  {
    behaviour: 'a primary whose agent is away is watched by the standby',
    view: { members: members(silent, standby) },
    says: [zero, 'True', 'StandbyStreaming'],
    words: 'agent of a is not heard',
  },
  {
    behaviour: 'a standby whose replay stands still',
    view: { members: members(primary, heard({ facts: { stuck: 'its replay stands still' } })) },
    says: [zero, 'False', 'StandbyLost'],
    words: 'its replay stands still',
  },
  {
    behaviour: 'a member that froze has seen that the record is lost',
    view: { members: members(primary, heard({ facts: { frozen: 'the record is missing' } })) },
    says: [zero, 'False', 'RecordLost'],
    words: 'hallctl pair adopt',
  },

  { behaviour: 'both agents answer', view: {}, says: ['MembersReachable', 'True', 'AllReachable'] },
  {
    behaviour: 'a silent agent is named with the reason',
    view: { members: members(primary, silent) },
    says: ['MembersReachable', 'False', 'MemberUnreachable'],
    words: 'b (ECONNREFUSED)',
  },
  {
    behaviour: 'before the first call nothing is known',
    view: { members: new Map() },
    says: ['MembersReachable', 'Unknown', 'NotAskedYet'],
  },

  {
    behaviour: 'every server shows the primary',
    view: { pair: withDns, dns: dnsSeen('in sync', 'in sync') },
    says: ['DNSInSync', 'True', 'InSync'],
  },
  {
    behaviour: 'one server that is behind counts',
    view: { pair: withDns, dns: dnsSeen('in sync', 'behind') },
    says: ['DNSInSync', 'False', 'OutOfSync'],
  },
  {
    behaviour: 'a server that is down counts more',
    view: { pair: withDns, dns: dnsSeen('behind', 'unreachable') },
    says: ['DNSInSync', 'False', 'ServerUnreachable'],
  },
  {
    behaviour: 'a key that is refused counts more',
    view: { pair: withDns, dns: dnsSeen('unreachable', 'refused') },
    says: ['DNSInSync', 'False', 'KeyRefused'],
  },
  {
    behaviour: 'a name of somebody else counts most',
    view: { pair: withDns, dns: dnsSeen('refused', 'foreign') },
    says: ['DNSInSync', 'False', 'NameForeign'],
  },
  {
    behaviour: 'a later epoch than the record counts more than a server that is down',
    view: { pair: withDns, dns: dnsSeen('ahead', 'unreachable', 'failing') },
    says: ['DNSInSync', 'False', 'LaterEpoch'],
  },
  {
    behaviour: 'a server that answers with an error counts more than one that is down',
    view: { pair: withDns, dns: dnsSeen('unreachable', 'failing') },
    says: ['DNSInSync', 'False', 'ServerFailing'],
  },
  {
    behaviour: 'a name on its way is neither right nor wrong',
    view: { pair: withDns, dns: dnsSeen('in sync', 'moving') },
    says: ['DNSInSync', 'Unknown', 'Moving'],
  },
  {
    behaviour: 'every server that is not right is named, also those on their way',
    view: { pair: withDns, dns: dnsSeen('moving', 'unreachable', 'in sync') },
    says: ['DNSInSync', 'False', 'ServerUnreachable'],
    words: '; ',
  },
  {
    behaviour: 'while one member takes over the name waits',
    view: { pair: withDns, record: aStoredRecord({ mode: 'Claim', primary: 'b', epoch: 4 }), dns: dnsSeen('in sync') },
    says: ['DNSInSync', 'Unknown', 'Moving'],
    words: 'b takes over',
  },
  {
    behaviour: 'what was seen under an earlier epoch says nothing of this one',
    view: { pair: withDns, record: aStoredRecord({ mode: 'Solo', primary: 'b', epoch: 4 }), dns: dnsSeen('in sync') },
    says: ['DNSInSync', 'Unknown', 'Moving'],
    words: 'b has just opened',
  },
  {
    behaviour: 'without a leader there is nothing to show',
    view: { pair: withDns, record: aStoredRecord({ mode: 'New', epoch: 0 }) },
    says: ['DNSInSync', 'Unknown', 'NotLedYet'],
  },
  { behaviour: 'servers not asked yet', view: { pair: withDns }, says: ['DNSInSync', 'Unknown', 'NotAskedYet'] },
  {
    behaviour: 'without the key nothing can be asked',
    view: { pair: withDns, tsig: { found: false, says: 'no Secret' } },
    says: ['DNSInSync', 'False', 'KeyRefused'],
    words: 'no Secret',
  },

  {
    behaviour: 'the slice leads to the primary',
    view: { pair: withService, service: serviceOf(withService), slice: aSlice(withService, '10.20.0.11', 3) },
    says: ['ServiceInSync', 'True', 'InSync'],
  },
  {
    behaviour: 'a slice leads nobody while the Service is not there',
    view: { pair: withService, slice: aSlice(withService, '10.20.0.11', 3) },
    says: ['ServiceInSync', 'False', 'OutOfSync'],
    words: 'not there yet',
  },
  {
    behaviour: 'the slice is older',
    view: { pair: withService, slice: aSlice(withService, '10.20.0.12', 2) },
    says: ['ServiceInSync', 'False', 'OutOfSync'],
  },
  {
    behaviour: 'the slice is of a later epoch',
    view: { pair: withService, slice: aSlice(withService, '10.20.0.12', 4) },
    says: ['ServiceInSync', 'False', 'LaterEpoch'],
    words: 'delete it',
  },
  {
    behaviour: 'while one member takes over the slice waits',
    view: {
      pair: withService,
      record: aStoredRecord({ mode: 'Claim', primary: 'b', epoch: 4 }),
      slice: aSlice(withService, '10.20.0.11', 3),
    },
    says: ['ServiceInSync', 'Unknown', 'Moving'],
    words: 'b takes over',
  },
  {
    behaviour: 'a slice whose record is gone stays as it is',
    view: { pair: withService, record: undefined, slice: aSlice(withService, '10.20.0.11', 3) },
    says: ['ServiceInSync', 'False', 'RecordLost'],
  },
  {
    behaviour: 'nobody led yet',
    view: { pair: withService, record: aStoredRecord({ mode: 'New', epoch: 0 }) },
    says: ['ServiceInSync', 'Unknown', 'NotLedYet'],
  },
  {
    behaviour: 'the Service is of somebody else',
    view: { pair: withService, routeProblem: { reason: 'ObjectForeign', message: 'Service x' } },
    says: ['ServiceInSync', 'False', 'ObjectForeign'],
    words: 'Service x',
  },
  {
    behaviour: 'the API server refuses the Service',
    view: { pair: withService, routeProblem: { reason: 'NotApplied', message: 'no quota' } },
    says: ['ServiceInSync', 'False', 'NotApplied'],
    words: 'no quota',
  },

  { behaviour: 'nothing is under way', view: {}, says: ['Progressing', 'False', 'Settled'] },
  {
    behaviour: 'a member has never been heard of',
    view: { record: aStoredRecord({ mode: 'New', epoch: 0 }), members: members(silent, standby) },
    says: ['Progressing', 'True', 'WaitingForEnrolment'],
    words: 'a',
  },
  {
    behaviour: 'a take-over is progress',
    view: { record: aStoredRecord({ mode: 'Claim' }) },
    says: ['Progressing', 'True', 'TakeoverRunning'],
  },
  {
    behaviour: 'a copy is progress',
    view: { members: members(primary, heard({ step: 'rejoin' })) },
    says: ['Progressing', 'True', 'CopyingStandby'],
  },
  {
    behaviour: 'older settings are on their way',
    view: { members: members(primary, heard({ settingsRevision: 'r0' })) },
    says: ['Progressing', 'True', 'DeliveringSettings'],
  },
];

for (const { behaviour, view, says, words, refusals = [], authorityProblem } of rows) {
  test(`${says[0]}: ${behaviour}`, () => {
    const found = decideConditions(aPairView(view), { refusals, authorityProblem }).find(({ type }) => type === says[0]);
    expect([found?.type, found?.status, found?.reason]).toEqual(says);
    expect(found?.message).toContain(words ?? '');
    expect(found?.message).not.toBe('');
  });
}

test('every reason of the table but two, which only a deletion and a look that failed give, has its behaviour here', () => {
  const shown = new Set(rows.map(({ says }) => `${says[0]} ${says[2]}`));
  const all = Object.entries(pairConditions).flatMap(([type, reasons]) => Object.keys(reasons).map((reason) => `${type} ${reason}`));
  expect(all.filter((each) => !shown.has(each))).toEqual(['Ready NotApplied', 'Progressing Deleting']);
});

test('conditions of what the spec does not have are not there', () => {
  const types = decideConditions(aPairView(), { refusals: [], authorityProblem: undefined }).map(({ type }) => type);
  expect(types).toEqual(['Ready', zero, 'MembersReachable', 'Progressing']);
});

test('a statement stands until what it rests on was asked again, as long as record and spec are the same', () => {
  const condition = {
    type: zero,
    status: 'True',
    reason: 'StandbyStreaming',
    message: 'm',
    observedGeneration: 3,
    lastTransitionTime: 't',
  } as const;
  const status = { mode: 'Sync', epoch: 3, conditions: [condition] } as const;
  const reasonOf = (change: Partial<typeof status>, record = aStoredRecord()): string | undefined => {
    const view = aPairView({ pair: aStoredPair({ status: { ...status, ...change } }), record, members: new Map() });
    return decideConditions(view, { refusals: [], authorityProblem: undefined }).find(({ type }) => type === zero)?.reason;
  };
  expect(reasonOf({})).toBe('StandbyStreaming');
  expect(reasonOf({ epoch: 2 as 3 })).toBe('MembersUnreachable');
  expect(reasonOf({ conditions: [{ ...condition, observedGeneration: 2 as 3 }] })).toBe('MembersUnreachable');
  expect(reasonOf({}, aStoredRecord({ mode: 'Solo' }))).toBe('MembersUnreachable');
});

test('percentages are told in steps of ten', () => {
  expect(inSteps('copy 47 % of 3 files, 99.9% done')).toBe('copy 40 % of 3 files, 90 % done');
  expect(inSteps('x'.repeat(500))).toHaveLength(128);
});
