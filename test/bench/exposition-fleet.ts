import type { Random } from '#lib/base/random.ts';
import { defineFamilies } from '#lib/exposition/family.ts';
import type { Family } from '#lib/exposition/family.ts';

const states = ['online', 'hung', 'comm_error', 'offline', 'maintenance', 'unknown'] as const;
const reasons = ['connect', 'identity', 'silent', 'broken', 'refused'] as const;
const terminal = { hall: 'any', terminal: 'any' } as const;

const since = '0.1.0';

/** The families of a terminal in the mix that a terminal exporter has: 20 series each. */
export const fleetFamilies = defineFamilies({
  state: { name: 'hallkeeper_terminal_state', kind: 'gauge', labels: { ...terminal, state: states }, help: 'State.', since },
  stateSeconds: {
    name: 'hallkeeper_terminal_state_seconds_total',
    kind: 'counter',
    unit: 'seconds',
    labels: { ...terminal, state: states },
    help: 'Time in a state.',
    since,
  },
  lastSeen: {
    name: 'hallkeeper_terminal_last_seen_timestamp_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: terminal,
    help: 'Last heartbeat.',
    since,
  },
  roundTrip: {
    name: 'hallkeeper_terminal_heartbeat_round_trip_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: terminal,
    help: 'Round trip of the last heartbeat.',
    since,
  },
  calls: { name: 'hallkeeper_terminal_calls_total', kind: 'counter', labels: terminal, help: 'Calls.', since },
  errors: {
    name: 'hallkeeper_terminal_comm_errors_total',
    kind: 'counter',
    labels: { ...terminal, reason: reasons },
    help: 'Failed calls.',
    since,
  },
});

export interface FleetFamily {
  readonly family: Family;
  /** Name and values of the label beyond hall and terminal; one nameless variant without. */
  readonly label: string | undefined;
  readonly variants: readonly string[];
}

export const fleet: readonly FleetFamily[] = Object.values(fleetFamilies).map((family) => {
  const [label, values] = Object.entries<readonly string[] | 'any'>(family.labels)[2] ?? [];
  return { family, label, variants: values === undefined || values === 'any' ? [''] : values };
});

export const seriesPerTerminal = fleet.reduce((sum, { variants }) => sum + variants.length, 0);

const terminalsPerHall = 250;

export function fleetLabels(index: number): { readonly hall: string; readonly terminal: string } {
  return { hall: `hall-${Math.floor(index / terminalsPerHall)}`, terminal: `t-${String(index).padStart(6, '0')}` };
}

/** New values of every family for one terminal, by variant: whole numbers, milliseconds and microseconds as they are in a hall. */
export function fleetValues(random: Random): ReadonlyMap<Family, readonly number[]> {
  const online = random.below(20) > 0 ? 0 : random.below(states.length);
  return new Map<Family, readonly number[]>([
    [fleetFamilies.state, states.map((_, index) => (index === online ? 1 : 0))],
    [fleetFamilies.stateSeconds, states.map((_, index) => (index > 2 ? 0 : random.below(2_000_000_000) / 1_000))],
    [fleetFamilies.lastSeen, [(1_795_000_000_000 + random.below(1_000_000_000)) / 1_000]],
    [fleetFamilies.roundTrip, [random.below(50_000) / 1e6]],
    [fleetFamilies.calls, [random.below(100_000_000)]],
    [fleetFamilies.errors, reasons.map((_, index) => (index > 2 ? 0 : random.below(500)))],
  ]);
}
