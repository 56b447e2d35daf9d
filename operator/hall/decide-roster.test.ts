import { expect, test } from 'vitest';
import { decideRoster, rosterMax } from './decide-roster.ts';
import { storedHall, storedTerminal } from './testing/objects.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const at = (hour: number): string => `2026-03-01T${String(hour).padStart(2, '0')}:00:00Z`;
const span = (from: number, until: number, terminals?: readonly string[]) => ({
  from: at(from),
  until: at(until),
  reason: `from ${from} to ${until}`,
  ...(terminals === undefined ? {} : { terminals }),
});

test('a terminal is told with its place, its limits and the limits of the hall', () => {
  const terminal = storedTerminal({
    name: 't-1',
    spec: { position: { zone: 'east', seat: '12' }, heartbeat: { offlineAfter: '9s', commErrorPercent: 30 } },
  });
  const { roster, changesAtMs } = decideRoster(storedHall(), [terminal], nowMs);
  expect(changesAtMs).toBeUndefined();
  expect(roster).toMatchObject({
    hall: 'hall-7',
    heartbeat: {
      intervalMs: 1_000,
      offlineAfterMs: 5_000,
      hungAfterMs: 10_000,
      graceMs: 5_000,
      startTimeoutMs: 120_000,
      commErrorPercent: 20,
      commErrorMinCalls: 20,
    },
    terminals: [
      {
        name: 't-1',
        model: 'Novaline Mk3',
        serialNumber: 'SN-t-1',
        zone: 'east',
        seat: '12',
        suspended: false,
        suspendReason: '',
        suspendUntilUnixMs: undefined,
        heartbeatOverrides: { offlineAfterMs: 9_000, commErrorPercent: 30 },
      },
    ],
  });
});

test('the revision names the content: neither the order nor a version of the objects matters, everything else does', () => {
  const [a, b] = [storedTerminal({ name: 'a' }), storedTerminal({ name: 'b' })];
  const revision = (...terminals: Parameters<typeof decideRoster>[1]): string =>
    decideRoster(storedHall(), terminals, nowMs).roster.revision;
  expect(revision(b, a)).toBe(revision(a, b));
  expect(revision(a, { ...b, metadata: { ...b.metadata, resourceVersion: '7' } })).toBe(revision(a, b));
  expect(revision(a)).not.toBe(revision(a, b));
  expect(revision(a, storedTerminal({ name: 'b', spec: { model: 'Other' } }))).not.toBe(revision(a, b));
  const slow = storedHall({ spec: { heartbeat: { ...storedHall().spec.heartbeat, offlineAfter: '6s' } } });
  expect(decideRoster(slow, [a, b], nowMs).roster.revision).not.toBe(revision(a, b));
});

test('a terminal that is being deleted is not in it', () => {
  const going = storedTerminal({ name: 'going' });
  const { roster } = decideRoster(storedHall(), [{ ...going, metadata: { ...going.metadata, deletionTimestamp: at(11) } }], nowMs);
  expect(roster.terminals).toEqual([]);
});

test('limits that a hall server would refuse are left out, and the others stay', () => {
  const bad = storedTerminal({ name: 'bad', spec: { heartbeat: { interval: '4s' } } });
  const good = storedTerminal({ name: 'good', spec: { heartbeat: { interval: '2s' } } });
  const { roster } = decideRoster(storedHall(), [bad, good], nowMs);
  expect(roster.terminals.map(({ heartbeatOverrides }) => heartbeatOverrides)).toEqual([undefined, { intervalMs: 2_000 }]);
});

test('more terminals than a hall server takes are cut by name', () => {
  const many = Array.from({ length: rosterMax + 5 }, (_, index) => storedTerminal({ name: `t${String(index).padStart(5, '0')}` }));
  const { roster } = decideRoster(storedHall(), many, nowMs);
  expect([roster.terminals.length, roster.terminals.at(-1)?.name]).toEqual([rosterMax, `t0${rosterMax - 1}`]);
});

const hand = (until?: number) => ({ reason: 'by hand', ...(until === undefined ? {} : { until: at(until) }) });
test.each([
  { behaviour: 'by hand without an end', suspend: hand(), spans: [], is: { reason: 'by hand', until: undefined } },
  { behaviour: 'by hand until an hour', suspend: hand(15), spans: [], is: { reason: 'by hand', until: 15 } },
  { behaviour: 'planned for all', suspend: undefined, spans: [span(11, 13)], is: { reason: 'from 11 to 13', until: 13 } },
  { behaviour: 'planned for this one', suspend: undefined, spans: [span(11, 13, ['t-001'])], is: { reason: 'from 11 to 13', until: 13 } },
  {
    behaviour: 'planned twice, the longer',
    suspend: undefined,
    spans: [span(11, 13), span(10, 16)],
    is: { reason: 'from 10 to 16', until: 16 },
  },
  { behaviour: 'planned for longer than by hand', suspend: hand(12), spans: [span(11, 14)], is: { reason: 'from 11 to 14', until: 14 } },
  { behaviour: 'by hand for longer than planned', suspend: hand(15), spans: [span(11, 14)], is: { reason: 'by hand', until: 15 } },
])('a terminal is suspended $behaviour', ({ suspend, spans, is }) => {
  const hall = storedHall({ spec: { maintenance: spans } });
  const terminal = storedTerminal({ spec: suspend === undefined ? {} : { suspend } });
  expect(decideRoster(hall, [terminal], nowMs).roster.terminals[0]).toMatchObject({
    suspended: true,
    suspendReason: is.reason,
    suspendUntilUnixMs: is.until === undefined ? undefined : BigInt(Date.parse(at(is.until))),
  });
});

test.each([
  ['for others', [span(11, 13, ['t-002'])], 13],
  ['for later', [span(13, 14)], 13],
  ['and over', [span(9, 12)], undefined],
] as const)('a terminal is not suspended by maintenance that is planned %s', (_behaviour, spans, changesAt) => {
  const { roster, changesAtMs } = decideRoster(storedHall({ spec: { maintenance: spans } }), [storedTerminal()], nowMs);
  expect(roster.terminals[0]?.suspended).toBe(false);
  expect(changesAtMs).toBe(changesAt === undefined ? undefined : Date.parse(at(changesAt)));
});

test('a text that a hall server refuses keeps no roster from being taken', () => {
  const spec = { position: { zone: 'ea\u0000st', seat: '1\u00852' }, suspend: { reason: 'new\nlamp' } };
  expect(decideRoster(storedHall(), [storedTerminal({ spec })], nowMs).roster.terminals[0]).toMatchObject({
    zone: 'ea st',
    seat: '1 2',
    suspendReason: 'new lamp',
  });
});
