import type { ChannelCredentials } from '@grpc/grpc-js';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import type { PutRosterRequest } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import { HeartbeatLimits, TerminalProfile, TerminalState } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { FleetMeasurements, FleetSnapshot, FleetTerminal, Transition } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { putRoster } from '#lib/link/put-roster.ts';
import type { PutRosterResult } from '#lib/link/put-roster.ts';
import { watchFleet } from '#lib/link/watch-fleet.ts';
import type { PairLink } from '#lib/link/watch-fleet.ts';
import { hall, pairUid } from './link-certificates.ts';

/** Limits that make a test wait little. */
const quickLimits = HeartbeatLimits.fromPartial({ intervalMs: 200, offlineAfterMs: 1_000, hungAfterMs: 1_000, graceMs: 500 });

export function linkTo(ports: readonly number[], credentials: ChannelCredentials): PairLink {
  const endpoints = ports.map((port) => ({ address: '127.0.0.1', port }));
  return {
    pairUid,
    findEndpoints: () => Promise.resolve(endpoints),
    credentials: () => credentials,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  };
}

export function rosterOf(
  revision: string,
  names: readonly string[],
  profiles: Readonly<Record<string, Partial<TerminalProfile>>> = {},
): PutRosterRequest {
  const terminals = names.map((name) => TerminalProfile.fromPartial({ name, model: 'Atlas 3', zone: 'east', ...profiles[name] }));
  return { roster: { hall, revision, heartbeat: quickLimits, terminals }, expectedRevision: undefined };
}

export function put(ports: readonly number[], operator: ChannelCredentials, request: PutRosterRequest): Promise<PutRosterResult> {
  return putRoster(linkTo(ports, operator), request, AbortSignal.timeout(30_000));
}

/** A reader that keeps what the feed says, as an exporter does. */
export interface FleetView extends AsyncDisposable {
  readonly terminals: ReadonlyMap<string, FleetTerminal>;
  readonly transitions: readonly Transition[];
  readonly snapshots: readonly FleetSnapshot[];
  readonly measurements: FleetMeasurements | undefined;
  readonly numbers: readonly bigint[];
  readonly revision: string;
  readonly losses: number;
  readonly epoch: bigint;
  state(name: string): string | undefined;
}

export function watch(link: PairLink): FleetView {
  const stop = new AbortController();
  const terminals = new Map<string, FleetTerminal>();
  const view = {
    terminals,
    transitions: [] as Transition[],
    snapshots: [] as FleetSnapshot[],
    measurements: undefined as FleetMeasurements | undefined,
    numbers: [] as bigint[],
    revision: '',
    losses: 0,
    epoch: 0n,
    state: (name: string) => stateWord(terminals.get(name)?.state),
  };
  const run = async (): Promise<void> => {
    for await (const event of watchFleet(link, stop.signal)) {
      if (event.kind === 'lost') view.losses += 1;
      else view.epoch = event.epoch;
      if (event.kind === 'measurements') view.measurements = event.measurements;
      if (event.kind === 'snapshot') {
        terminals.clear();
        view.snapshots.push(event.snapshot);
        view.revision = event.snapshot.rosterRevision;
        for (const terminal of event.snapshot.terminals) terminals.set(terminal.profile?.name ?? '', terminal);
      }
      if (event.kind !== 'changes') continue;
      for (const { number, change } of event.changes) {
        view.numbers.push(number);
        if (change?.$case === 'removed') terminals.delete(change.value);
        if (change?.$case === 'put') terminals.set(change.value.profile?.name ?? '', change.value);
        if (change?.$case === 'rosterRevision') view.revision = change.value;
        if (change?.$case !== 'transition') continue;
        view.transitions.push(change.value);
        const known = terminals.get(change.value.terminal);
        if (known !== undefined)
          terminals.set(change.value.terminal, { ...known, state: change.value.to, sinceUnixMs: change.value.atUnixMs });
      }
    }
  };
  const running = run();
  return Object.assign(view, {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  });
}

const words = new Map<number, string>(Object.entries(TerminalState).map(([word, value]) => [value, word.replace('TERMINAL_STATE_', '')]));

/** ONLINE for TERMINAL_STATE_ONLINE. */
export const stateWord = (state: TerminalState | undefined): string | undefined => (state === undefined ? undefined : words.get(state));
