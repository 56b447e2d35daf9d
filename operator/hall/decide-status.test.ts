import { expect, test } from 'vitest';
import { statusDiffers } from '#lib/kube/conditions.ts';
import { notConfigured } from '../notifications/routing-board.ts';
import { decideStatus, fleetLostAfterMs } from './decide-status.ts';
import { emptyPicture } from './fleet-picture.ts';
import type { FleetPicture, TerminalSight } from './fleet-picture.ts';
import { hallConditions } from './hall-conditions.ts';
import type { HallView } from './hall-view.ts';
import { storedHall, storedPair, storedTerminal } from './testing/objects.ts';

const nowWallMs = Date.parse('2026-03-01T12:00:00Z');
const sight = (state: TerminalSight['state']): TerminalSight => ({ state, sinceMs: 0, agentVersion: '', channel: '' });
const connected: FleetPicture = {
  ...emptyPicture,
  connected: true,
  known: true,
  rosterRevision: 'r',
  terminals: new Map([['t-001', sight('Online')]]),
};
const holder = { namespace: 'other', name: 'first', uid: 'x' };

function view(change: Partial<HallView> = {}): HallView {
  return {
    hall: storedHall(),
    terminals: [storedTerminal()],
    pair: storedPair(
      {},
      {
        primary: 'a',
        epoch: 4,
        conditions: [{ type: 'ZeroLossFailoverPossible', status: 'True', reason: 'R', message: '', lastTransitionTime: '' }],
      },
    ),
    nameTakenBy: undefined,
    pairTakenBy: undefined,
    pairIsReady: true,
    secretProblem: undefined,
    link: { picture: connected, lostMs: 0, attempt: undefined },
    rosterRevision: 'r',
    routing: { routed: true, reason: 'Routed', message: 'm' },
    nowWallMs,
    ...change,
  };
}

const conditionOf = (status: ReturnType<typeof decideStatus>, type: string) =>
  status.conditions?.find((condition) => condition.type === type);
const lost = (lostMs: number): HallView['link'] => ({
  picture: { ...connected, connected: false, why: 'nobody there' },
  lostMs,
  attempt: undefined,
});

test('a Hall that is served says so, with its primary, epoch and counts', () => {
  const status = decideStatus(view());
  expect(status).toMatchObject({
    observedGeneration: 2,
    primary: 'a',
    epoch: 4,
    failoverReady: 'True',
    terminals: { total: 1, online: 1, summary: '1/1' },
  });
  expect(status.conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`)).toEqual([
    'Ready True Accepted',
    'FleetReachable True Connected',
    'NotificationsRouted True Routed',
  ]);
});

const refusedSpec = storedHall({ spec: { enrolment: { mode: 'Approved' }, channels: [{ name: 'lte', endpoint: 'x:1', priority: 100 }] } });
test.each<[string, Partial<HallView>, string, RegExp]>([
  ['the name is taken, whatever else is wrong', { nameTakenBy: holder, pair: undefined }, 'NameTaken', /other\/first.*choose another/],
  ['the pair is missing', { pair: undefined }, 'PairMissing', /FailoverPair pair-7.*create it/],
  ['the pair is taken', { pairTakenBy: holder }, 'PairTaken', /serves the Hall first.*pair of its own/],
  [
    'a Secret is in the way',
    { secretProblem: { reason: 'SecretUnusable', message: 'Secret x; delete or rename it' } },
    'SecretUnusable',
    /delete or rename it/,
  ],
  ['its authority is lost', { secretProblem: { reason: 'AuthorityLost', message: 'restore it' } }, 'AuthorityLost', /restore it/],
  ['the pair has no authority yet', { pairIsReady: false }, 'PairNotReady', /see its condition Ready/],
  ['the spec cannot be met', { hall: refusedSpec }, 'SpecRefused', /Approved.*channels/],
  [
    'the pair is missing and the spec cannot be met',
    { hall: refusedSpec, pair: undefined },
    'PairMissing',
    /create it.*Approved.*channels/,
  ],
  [
    'the hall server does not take the roster',
    { link: { picture: connected, lostMs: 0, attempt: { revision: 'r', stored: false, refused: true, why: 'a bad name', atMs: 0 } } },
    'SpecRefused',
    /refuses the roster: a bad name/,
  ],
])('Ready is False when %s', (_behaviour, change, reason, message) => {
  expect(conditionOf(decideStatus(view(change)), 'Ready')).toMatchObject({
    status: 'False',
    reason,
    message: expect.stringMatching(message),
  });
});

const served = storedHall({}, decideStatus(view()));
const unreachable = storedHall({}, decideStatus(view({ hall: served, link: lost(fleetLostAfterMs) })));
test.each<[string, Partial<HallView>, string]>([
  ['a Hall without a pair', { link: undefined }, 'Unknown NotServed'],
  ['a connection that is being made for the first time', { link: lost(100) }, 'Unknown Connecting'],
  ['a connection that was lost a moment ago', { hall: served, link: lost(fleetLostAfterMs - 1) }, 'True Connected'],
  ['a connection that is lost', { hall: served, link: lost(fleetLostAfterMs) }, 'False Unreachable'],
  ['a connection that is still lost after a look of another process', { hall: unreachable, link: lost(10) }, 'False Unreachable'],
  ['a connection that is back', { hall: unreachable }, 'True Connected'],
])('FleetReachable of %s', (_behaviour, change, expected) => {
  const found = conditionOf(decideStatus(view(change)), 'FleetReachable');
  expect(`${found?.status} ${found?.reason}`).toBe(expected);
});

test('while a hall is unreachable the words of further attempts are no news', () => {
  const again = view({
    hall: unreachable,
    link: { picture: { ...connected, connected: false, why: 'other words' }, lostMs: 9e9, attempt: undefined },
  });
  expect(statusDiffers(unreachable.status, decideStatus(again))).toBe(false);
});

test('an unreachable hall keeps its counts', () => {
  expect(unreachable.status?.terminals).toEqual(served.status?.terminals);
});

test('before the feed tells anything the states in the objects count, and one that has none is unknown', () => {
  const terminals = [
    storedTerminal({ name: 'a' }, { state: 'Hung' }),
    storedTerminal({ name: 'b' }),
    storedTerminal({ name: 'c' }, { state: 'Online' }),
  ];
  const { terminals: counts } = decideStatus(view({ terminals, link: undefined }));
  expect(counts).toMatchObject({ total: 3, hung: 1, unknown: 1, online: 1, summary: '1/3' });
});

test('a Terminal that the hall server does not know yet is unknown, and one that is being deleted is not counted', () => {
  const going = storedTerminal({ name: 'going' });
  const terminals = [
    storedTerminal(),
    storedTerminal({ name: 'new' }),
    { ...going, metadata: { ...going.metadata, deletionTimestamp: '2026-03-01T11:00:00Z' } },
  ];
  expect(decideStatus(view({ terminals })).terminals).toMatchObject({ total: 2, online: 1, unknown: 1, summary: '1/2' });
});

test('what the notifications say stands in the status, and before they say anything it stays as it was', () => {
  expect(conditionOf(decideStatus(view({ routing: notConfigured })), 'NotificationsRouted')).toMatchObject({
    status: 'False',
    reason: 'NotConfigured',
  });
  expect(conditionOf(decideStatus(view({ routing: undefined })), 'NotificationsRouted')).toBeUndefined();
  expect(conditionOf(decideStatus(view({ hall: served, routing: undefined })), 'NotificationsRouted')).toMatchObject({ reason: 'Routed' });
});

test.each([
  [
    'a take-over',
    { epoch: 5, reason: 'PeerSilent', from: 'a', to: 'b', startedAt: '2026-03-01T11:00:00Z' },
    'b took over from a: PeerSilent',
  ],
  ['no switchover', { epoch: 5, reason: 'Switchover', from: 'a', to: 'b', startedAt: '2026-03-01T11:00:00Z' }, undefined],
] as const)('the last incident is %s', (_behaviour, lastFailover, message) => {
  const { lastIncident } = decideStatus(view({ pair: storedPair({}, { primary: 'b', epoch: 5, lastFailover }) }));
  expect(lastIncident?.message).toBe(message);
});

test('a Hall whose pair serves another shows nothing of that pair', () => {
  const status = decideStatus(view({ pairTakenBy: holder, link: undefined }));
  expect([status.primary, status.epoch, status.failoverReady]).toEqual([undefined, undefined, 'Unknown']);
});

test('the same view gives the same status, and every reason is in the list', () => {
  expect(statusDiffers(served.status, decideStatus(view({ hall: served })))).toBe(false);
  for (const { type, reason } of decideStatus(view()).conditions ?? []) {
    expect(Object.keys(hallConditions[type as keyof typeof hallConditions])).toContain(reason);
  }
});
