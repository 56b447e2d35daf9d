import { expect, test } from 'vitest';
import { storedHall, storedTerminal } from '../hall/testing/objects.ts';
import { decideStatus } from './decide-status.ts';
import type { TerminalView } from './terminal-view.ts';

const nowWallMs = Date.parse('2026-03-01T12:00:00Z');

function view(change: Partial<TerminalView> = {}): TerminalView {
  return {
    terminal: storedTerminal(),
    hall: storedHall(),
    certificate: { secret: 'hallkeeper-terminal-t-001', notAfterMs: Date.parse('2026-05-30T12:00:00Z') },
    undecided: false,
    secretProblem: undefined,
    sight: undefined,
    nowWallMs,
    ...change,
  };
}

const conditionsOf = (change: Partial<TerminalView>) => decideStatus(view(change)).settled.conditions ?? [];
const shown = (change: Partial<TerminalView>): readonly string[] =>
  conditionsOf(change).map(({ type, status, reason }) => `${type} ${status} ${reason}`);

test.each<[string, Partial<TerminalView>, readonly string[]]>([
  ['a terminal with its certificate is ready, online or not', {}, ['Ready True Enrolled', 'Enrolled True CertificateIssued']],
  ['a terminal without a Hall', { hall: undefined, certificate: undefined }, ['Ready False HallMissing', 'Enrolled False Waiting']],
  ['a terminal whose Hall is not served', { certificate: undefined }, ['Ready False HallNotReady', 'Enrolled False Waiting']],
  [
    'a Secret is in the way',
    { certificate: undefined, secretProblem: 'delete it' },
    ['Ready False SecretUnusable', 'Enrolled False Waiting'],
  ],
  [
    'a spec that cannot be met',
    { terminal: storedTerminal({ spec: { contentRef: { name: 'x' } } }) },
    ['Ready False SpecRefused', 'Enrolled True CertificateIssued'],
  ],
  [
    'a terminal with devices',
    { terminal: storedTerminal({ spec: { devices: [{ name: 'bills', kind: 'BillAcceptor' }] } }) },
    ['Ready True Enrolled', 'Enrolled True CertificateIssued', 'DevicesHealthy Unknown NotReported'],
  ],
])('%s', (_behaviour, change, expected) => {
  expect(shown(change)).toEqual(expected);
});

test('every problem is named at once, with what holds meanwhile', () => {
  const terminal = storedTerminal({ spec: { contentRef: { name: 'x' }, heartbeat: { interval: '4s', commErrorMinCalls: 50_000 } } });
  const message = conditionsOf({ terminal })[0]?.message ?? '';
  for (const part of ['contentRef', 'offlineAfter', 'commErrorMinCalls', 'the limits of the hall hold']) expect(message).toContain(part);
});

test('a condition that nobody states any more goes', () => {
  const before = decideStatus(view({ terminal: storedTerminal({ spec: { devices: [{ name: 'bills', kind: 'BillAcceptor' }] } }) })).settled;
  expect(shown({ terminal: storedTerminal({}, before) })).toEqual(['Ready True Enrolled', 'Enrolled True CertificateIssued']);
});

test('while nobody can say whether it is served, an enrolled terminal keeps what it was told, and another is told that it waits', () => {
  const undecided = { undecided: true, certificate: undefined };
  const before = decideStatus(view()).settled;
  expect(decideStatus(view({ ...undecided, terminal: storedTerminal({}, before) })).settled).toEqual(before);
  const waiting = ['Ready False HallNotReady', 'Enrolled False Waiting'];
  expect(shown(undecided)).toEqual(waiting);
  const lost = decideStatus(view({ hall: undefined, certificate: undefined })).settled;
  expect(shown({ ...undecided, terminal: storedTerminal({}, lost) })).toEqual(waiting);
});

test('what the feed tells is shown; while it is silent everything stays with its time', () => {
  const sight = { state: 'Hung', sinceMs: nowWallMs - 1_500, agentVersion: '1.2.0', channel: 'lan' } as const;
  const seen = { state: 'Hung', since: '2026-03-01T11:59:58Z', agentVersion: '1.2.0', channel: 'lan' } as const;
  expect(decideStatus(view({ sight })).seen).toEqual(seen);
  expect(decideStatus(view({ terminal: storedTerminal({}, seen) })).seen).toEqual(seen);
  expect(decideStatus(view({ sight: { ...sight, agentVersion: '', channel: '' } })).seen).toEqual({ state: 'Hung', since: seen.since });
  // Never watched: the hall knows no time, and 1970 is none.
  const unseen = { ...sight, state: 'Unknown', sinceMs: 0, agentVersion: '', channel: '' } as const;
  expect(decideStatus(view({ sight: unseen })).seen).toEqual({ state: 'Unknown' });
});
