import type { TerminalStatusState } from '#lib/api/terminal.gen.ts';
import { TerminalState } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { FleetChange, FleetMeasurements, FleetSnapshot, FleetTerminal } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { FleetEvent } from '#lib/link/watch-fleet.ts';

/** A terminal as the hall server sees it. */
export interface TerminalSight {
  readonly state: TerminalStatusState;
  /** Wall time by the hall's clock. */
  readonly sinceMs: number;
  /** Empty until the terminal has said it. */
  readonly agentVersion: string;
  /** The channel that is used; empty when none is. */
  readonly channel: string;
}

/** What the feed has told, and whether it goes on. Kept over a lost connection: what was known stays true as of its time. */
export interface FleetPicture {
  readonly connected: boolean;
  /** Why the connection was lost; empty while it stands. */
  readonly why: string;
  /** Whether there was ever a snapshot. */
  readonly known: boolean;
  readonly epoch: bigint;
  readonly rosterRevision: string;
  readonly terminals: ReadonlyMap<string, TerminalSight>;
}

export const emptyPicture: FleetPicture = {
  connected: false,
  why: '',
  known: false,
  epoch: 0n,
  rosterRevision: '',
  terminals: new Map(),
};

/** The picture after an event, and the terminals of which something changed that people are shown. */
export interface PictureStep {
  readonly picture: FleetPicture;
  readonly changed: readonly string[];
}

export function stepPicture(picture: FleetPicture, event: FleetEvent): PictureStep {
  if (event.kind === 'lost') return { picture: { ...picture, connected: false, why: event.why }, changed: [] };
  const open: FleetPicture = { ...picture, connected: true, why: '', epoch: event.epoch };
  switch (event.kind) {
    case 'snapshot':
      return takeSnapshot(open, event.snapshot);
    case 'changes':
      return takeChanges(open, event.changes);
    case 'measurements':
      return takeMeasurements(open, event.measurements);
  }
}

function takeSnapshot(picture: FleetPicture, { rosterRevision, terminals }: FleetSnapshot): PictureStep {
  const next = new Map<string, TerminalSight>();
  for (const terminal of terminals) {
    const name = terminal.profile?.name ?? '';
    next.set(name, sightOf(terminal, picture.terminals.get(name)));
  }
  const changed = [...next].filter(([name, sight]) => !sameSight(sight, picture.terminals.get(name))).map(([name]) => name);
  return { picture: { ...picture, known: true, rosterRevision, terminals: next }, changed };
}

function takeChanges(picture: FleetPicture, changes: readonly FleetChange[]): PictureStep {
  const terminals = new Map(picture.terminals);
  const changed = new Set<string>();
  let { rosterRevision } = picture;
  for (const { change } of changes) {
    if (change?.$case === 'rosterRevision') rosterRevision = change.value;
    if (change?.$case === 'removed') terminals.delete(change.value);
    if (change?.$case === 'put') {
      const name = change.value.profile?.name ?? '';
      terminals.set(name, sightOf(change.value, terminals.get(name)));
      changed.add(name);
    }
    if (change?.$case === 'transition') {
      const { terminal, to, atUnixMs } = change.value;
      const known = terminals.get(terminal);
      if (known === undefined) continue;
      terminals.set(terminal, { ...known, state: stateWord(to), sinceMs: Number(atUnixMs) });
      changed.add(terminal);
    }
  }
  return { picture: { ...picture, rosterRevision, terminals }, changed: [...changed] };
}

function takeMeasurements(picture: FleetPicture, { terminals: measured }: FleetMeasurements): PictureStep {
  const changed: (readonly [string, TerminalSight])[] = [];
  for (const { terminal, agentVersion, channels } of measured) {
    const known = picture.terminals.get(terminal);
    if (known === undefined) continue;
    // What a terminal that is away said last stays; only what it says now replaces it.
    const channel = channels.find(({ active }) => active)?.channel ?? known.channel;
    const sight = { ...known, agentVersion: agentVersion === '' ? known.agentVersion : agentVersion, channel };
    if (!sameSight(sight, known)) changed.push([terminal, sight]);
  }
  if (changed.length === 0) return { picture, changed: [] };
  return { picture: { ...picture, terminals: new Map([...picture.terminals, ...changed]) }, changed: changed.map(([name]) => name) };
}

function sightOf({ state, sinceUnixMs }: FleetTerminal, known: TerminalSight | undefined): TerminalSight {
  return {
    state: stateWord(state),
    sinceMs: Number(sinceUnixMs),
    agentVersion: known?.agentVersion ?? '',
    channel: known?.channel ?? '',
  };
}

function sameSight(left: TerminalSight, right: TerminalSight | undefined): boolean {
  return (
    right !== undefined &&
    left.state === right.state &&
    left.sinceMs === right.sinceMs &&
    left.agentVersion === right.agentVersion &&
    left.channel === right.channel
  );
}

const words = {
  [TerminalState.TERMINAL_STATE_ONLINE]: 'Online',
  [TerminalState.TERMINAL_STATE_HUNG]: 'Hung',
  [TerminalState.TERMINAL_STATE_COMM_ERROR]: 'CommError',
  [TerminalState.TERMINAL_STATE_OFFLINE]: 'Offline',
  [TerminalState.TERMINAL_STATE_MAINTENANCE]: 'Maintenance',
} as const satisfies Partial<Record<TerminalState, TerminalStatusState>>;

/** A state that this version does not know is Unknown: nothing is guessed. */
const stateWord = (state: TerminalState): TerminalStatusState =>
  (words as Readonly<Partial<Record<TerminalState, TerminalStatusState>>>)[state] ?? 'Unknown';
