import { expect, test } from 'vitest';
import { FleetMeasurements, FleetSnapshot, FleetTerminal, TerminalState, Transition } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { FleetChange } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { FleetEvent } from '#lib/link/watch-fleet.ts';
import { emptyPicture, stepPicture } from './fleet-picture.ts';
import type { PictureStep } from './fleet-picture.ts';

const online = TerminalState.TERMINAL_STATE_ONLINE;
const offline = TerminalState.TERMINAL_STATE_OFFLINE;
const terminalOf = (name: string, state: TerminalState = online): FleetTerminal =>
  FleetTerminal.fromPartial({ profile: { name }, state, sinceUnixMs: 1_000n });

const snapshot = (rosterRevision: string, ...terminals: readonly FleetTerminal[]): FleetEvent => ({
  kind: 'snapshot',
  epoch: 3n,
  snapshot: FleetSnapshot.fromPartial({ rosterRevision, terminals: [...terminals] }),
});
const change = (one: FleetChange['change']): FleetEvent => ({ kind: 'changes', epoch: 3n, changes: [{ number: 1n, change: one }] });
const transition = (terminal: string, to: TerminalState, atUnixMs: bigint): FleetEvent =>
  change({ $case: 'transition', value: Transition.fromPartial({ terminal, to, atUnixMs }) });
const measurement = (terminal: string, agentVersion: string, active: string | undefined): FleetEvent => ({
  kind: 'measurements',
  epoch: 3n,
  measurements: FleetMeasurements.fromPartial({
    terminals: [{ terminal, agentVersion, channels: ['lan', 'lte'].map((channel) => ({ channel, active: channel === active })) }],
  }),
});

const play = (...events: readonly FleetEvent[]): PictureStep =>
  events.reduce<PictureStep>(({ picture }, event) => stepPicture(picture, event), { picture: emptyPicture, changed: [] });
const shown = ({ picture, changed }: PictureStep): unknown => [
  [...picture.terminals].map(([name, { state, sinceMs }]) => `${name} ${state} ${sinceMs}`),
  changed,
];

const known = snapshot('r1', terminalOf('a'), terminalOf('b', offline));
test.each<[string, readonly FleetEvent[], unknown]>([
  [
    'a snapshot tells everything',
    [known],
    [
      ['a Online 1000', 'b Offline 1000'],
      ['a', 'b'],
    ],
  ],
  ['the same snapshot again tells nothing new', [known, known], [['a Online 1000', 'b Offline 1000'], []]],
  ['a snapshot forgets who is not in it', [known, snapshot('r2', terminalOf('b', offline))], [['b Offline 1000'], []]],
  ['a transition changes one', [known, transition('a', offline, 5_000n)], [['a Offline 5000', 'b Offline 1000'], ['a']]],
  ['a transition of somebody unknown is passed over', [known, transition('z', offline, 5_000n)], [['a Online 1000', 'b Offline 1000'], []]],
  [
    'a state that this version does not know is Unknown',
    [known, transition('a', 99 as TerminalState, 5_000n)],
    [['a Unknown 5000', 'b Offline 1000'], ['a']],
  ],
  ['who leaves the roster is gone', [known, change({ $case: 'removed', value: 'a' })], [['b Offline 1000'], []]],
  [
    'who comes is there',
    [known, change({ $case: 'put', value: terminalOf('c') })],
    [['a Online 1000', 'b Offline 1000', 'c Online 1000'], ['c']],
  ],
  ['a lost connection changes nothing that is known', [known, { kind: 'lost', why: 'cut' }], [['a Online 1000', 'b Offline 1000'], []]],
])('%s', (_behaviour, events, expected) => {
  expect(shown(play(...events))).toEqual(expected);
});

test('the picture tells the connection and the roster', () => {
  expect(play(known).picture).toMatchObject({ connected: true, known: true, why: '', epoch: 3n, rosterRevision: 'r1' });
  expect(play(known, { kind: 'lost', why: 'cut' }).picture).toMatchObject({
    connected: false,
    known: true,
    why: 'cut',
    rosterRevision: 'r1',
  });
  expect(play(known, change({ $case: 'rosterRevision', value: 'r2' })).picture.rosterRevision).toBe('r2');
});

test('measurements tell version and channel, and only news is told', () => {
  const first = play(known, measurement('a', '1.2.0', 'lte'));
  expect([first.picture.terminals.get('a'), first.changed]).toMatchObject([
    { agentVersion: '1.2.0', channel: 'lte', state: 'Online' },
    ['a'],
  ]);
  const again = stepPicture(first.picture, measurement('a', '1.2.0', 'lte'));
  expect([again.picture === first.picture || again.changed.length === 0, again.changed]).toEqual([true, []]);
  // Who is away has no channel in use; what he said last stays.
  expect(play(known, measurement('a', '1.2.0', 'lte'), measurement('a', '', undefined)).picture.terminals.get('a')).toMatchObject({
    agentVersion: '1.2.0',
    channel: 'lte',
  });
  expect(play(known, measurement('a', '1.2.0', 'lte'), snapshot('r1', terminalOf('a', offline))).picture.terminals.get('a')).toMatchObject({
    agentVersion: '1.2.0',
    state: 'Offline',
  });
});
