import { expect, test } from 'vitest';
import type { DeepPartial, FleetTerminal, TerminalMeasurement } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { FleetChange, TerminalState } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { FleetEvent } from '#lib/link/watch-fleet.ts';
import { linesOf } from '#lib/exposition/testing/lines.ts';
import { FleetCollector } from './fleet-collector.ts';
import { aMeasurement, aSnapshot, aTerminal, measurementsOf } from './testing/fleet-events.ts';

const { TERMINAL_STATE_ONLINE: online, TERMINAL_STATE_OFFLINE: offline, TERMINAL_STATE_UNSPECIFIED: unspecified } = TerminalState;

const snapshot = (terminals: readonly DeepPartial<FleetTerminal>[], hall?: string): FleetEvent => ({
  kind: 'snapshot',
  epoch: 1n,
  snapshot: aSnapshot(terminals, hall),
});

const change = (body: DeepPartial<FleetChange>): FleetEvent => ({ kind: 'changes', epoch: 1n, changes: [FleetChange.fromPartial(body)] });

const measured = (...terminals: readonly DeepPartial<TerminalMeasurement>[]): FleetEvent => ({
  kind: 'measurements',
  epoch: 1n,
  measurements: measurementsOf(terminals),
});

const after = (...events: readonly FleetEvent[]): readonly string[] => {
  const collector = new FleetCollector({ hall: 'north', terminalsMax: 3 });
  for (const event of events) collector.apply(event);
  return linesOf(collector.collect());
};

const lost: FleetEvent = { kind: 'lost', why: 'the hall server is away' };
const labels = (terminal: string): string => `{hall="north",terminal="${terminal}"`;

test('before the first word nothing is said of the hall, for nobody has asked it yet', () => expect(after()).toEqual([]));

test('a hall that was not reached is down', () => expect(after(lost)).toEqual(['hallkeeper_hall_up{hall="north"} 0']));

test('a snapshot shows state and facts, and no counter that nobody measured', () => {
  expect(after(snapshot([aTerminal('t-1', offline)]))).toEqual([
    'hallkeeper_hall_up{hall="north"} 1',
    'hallkeeper_terminal_info{hall="north",terminal="t-1",model="M-5",hall_zone="front",agent_version=""} 1',
    'hallkeeper_terminal_state{hall="north",terminal="t-1",state="online"} 0',
    'hallkeeper_terminal_state{hall="north",terminal="t-1",state="hung"} 0',
    'hallkeeper_terminal_state{hall="north",terminal="t-1",state="comm_error"} 0',
    'hallkeeper_terminal_state{hall="north",terminal="t-1",state="offline"} 1',
    'hallkeeper_terminal_state{hall="north",terminal="t-1",state="maintenance"} 0',
    'hallkeeper_terminal_state{hall="north",terminal="t-1",state="unknown"} 0',
  ]);
});

test('measurements give seconds from the history, instants, and totals over all channels', () => {
  const lines = after(snapshot([aTerminal('t-1')]), measured(aMeasurement('t-1')));
  expect(lines).toEqual(
    expect.arrayContaining([
      `hallkeeper_terminal_info${labels('t-1')},model="M-5",hall_zone="front",agent_version="0.1.0"} 1`,
      `hallkeeper_terminal_state_seconds_total${labels('t-1')},state="online"} 1.5`,
      `hallkeeper_terminal_state_seconds_total${labels('t-1')},state="offline"} 0`,
      `hallkeeper_terminal_last_seen_timestamp_seconds${labels('t-1')}} 1795000000.123`,
      `hallkeeper_terminal_heartbeat_round_trip_seconds${labels('t-1')}} 0.00075`,
      `hallkeeper_terminal_calls_total${labels('t-1')}} 15`,
      `hallkeeper_terminal_comm_errors_total${labels('t-1')},reason="connect"} 3`,
      `hallkeeper_terminal_comm_errors_total${labels('t-1')},reason="broken"} 0`,
      `hallkeeper_terminal_hangs_total${labels('t-1')}} 2`,
      `hallkeeper_terminal_clock_offset_seconds${labels('t-1')}} -0.25`,
      `hallkeeper_terminal_identity_duplicate${labels('t-1')}} 0`,
    ]),
  );
});

test.each([
  { behaviour: 'a loss of the feed leaves no state that would look present', events: [lost] },
  { behaviour: 'a snapshot of another hall is not shown as this one', events: [snapshot([aTerminal('t-1')], 'south')] },
  {
    behaviour: 'changes after a foreign snapshot are not shown',
    events: [snapshot([], 'south'), change({ change: { $case: 'put', value: aTerminal('t-9') } })],
  },
  {
    behaviour: 'a feed with more terminals than a hall can have is not believed',
    events: [snapshot(['a', 'b', 'c', 'd'].map((name) => aTerminal(name)))],
  },
  { behaviour: 'a terminal without a name is not believed', events: [snapshot([{ state: online }])] },
])('$behaviour', ({ events }) => {
  expect(after(snapshot([aTerminal('t-1')]), measured(aMeasurement('t-1')), ...events)).toEqual(['hallkeeper_hall_up{hall="north"} 0']);
});

test('a copied certificate is marked, and a silent terminal has no clock', () => {
  const lines = after(snapshot([aTerminal('t-1')]), measured(aMeasurement('t-1')), measured({ terminal: 't-1', identityDuplicate: true }));
  expect(lines).toContain(`hallkeeper_terminal_identity_duplicate${labels('t-1')}} 1`);
  expect(lines.filter((line) => line.includes('clock_offset'))).toEqual([]);
});

test.each([
  ['more terminals than a hall can have', snapshot(['a', 'b', 'c', 'd'].map((name) => aTerminal(name)))],
  ['a terminal without a name', snapshot([{ state: online }])],
])('what is wrong with a snapshot stays wrong until the next one: %s', (_what, wrong) => {
  const down = ['hallkeeper_hall_up{hall="north"} 0'];
  expect(after(wrong, measured(aMeasurement('a')))).toEqual(down);
  expect(after(wrong, change({}))).toEqual(down);
  expect(after(wrong, lost, measured(aMeasurement('a')))).toEqual(down);
  expect(after(wrong, measured(aMeasurement('a')), snapshot([aTerminal('a')]))[0]).toBe('hallkeeper_hall_up{hall="north"} 1');
});

test('the feed that goes on where it was lost brings everything back', () => {
  const before = [snapshot([aTerminal('t-1')]), measured(aMeasurement('t-1'))];
  expect(after(...before, lost, measured(aMeasurement('t-1')))).toEqual(after(...before));
  expect(after(...before, lost, change({}))).toEqual(after(...before));
});

test('a removed terminal is gone at once, and its row tells nothing of it to the next one', () => {
  const lines = after(
    snapshot([aTerminal('t-1'), aTerminal('t-2')]),
    measured(aMeasurement('t-1'), aMeasurement('t-2')),
    change({ change: { $case: 'removed', value: 't-1' } }),
    change({ change: { $case: 'put', value: aTerminal('t-3', unspecified) } }),
  );
  expect(lines.filter((line) => line.includes('t-1'))).toEqual([]);
  expect(lines.filter((line) => line.includes('t-3'))).toEqual([
    `hallkeeper_terminal_info${labels('t-3')},model="M-5",hall_zone="front",agent_version=""} 1`,
  ]);
});

test('a snapshot replaces whatever was known', () => {
  const lines = after(snapshot([aTerminal('t-1'), aTerminal('t-2')]), snapshot([aTerminal('t-2', offline)]));
  expect(lines.filter((line) => line.includes('t-1'))).toEqual([]);
  expect(lines).toContain(`hallkeeper_terminal_state${labels('t-2')},state="offline"} 1`);
  expect(lines).toContain(`hallkeeper_terminal_state${labels('t-2')},state="online"} 0`);
});

test('a transition moves the one among the states', () => {
  const lines = after(
    snapshot([aTerminal('t-1')]),
    change({ change: { $case: 'transition', value: { terminal: 't-1', from: online, to: offline } } }),
  );
  expect(lines.filter((line) => line.includes('_state{') && line.endsWith(' 1'))).toEqual([
    `hallkeeper_terminal_state${labels('t-1')},state="offline"} 1`,
  ]);
});

test('after a take-over the totals are those of the hall, and what the new server did not hear yet keeps its last value', () => {
  const lines = after(
    snapshot([aTerminal('t-1')]),
    measured(aMeasurement('t-1')),
    lost,
    snapshot([aTerminal('t-1')]),
    measured({ terminal: 't-1', hangs: 2n, stateTotals: [{ state: online, milliseconds: 2_000n }] }),
  );
  expect(lines).toContain(`hallkeeper_terminal_state_seconds_total${labels('t-1')},state="online"} 2`);
  expect(lines).toContain(`hallkeeper_terminal_last_seen_timestamp_seconds${labels('t-1')}} 1795000000.123`);
  expect(lines).toContain(`hallkeeper_terminal_calls_total${labels('t-1')}} 15`);
  expect(lines.filter((line) => line.includes('round_trip'))).toEqual([]);
});
