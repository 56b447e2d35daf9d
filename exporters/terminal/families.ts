import { defineFamilies } from '#lib/exposition/family.ts';

/** States of a terminal as the hall decides them; the order in which they are written. */
export const terminalStates = ['online', 'hung', 'comm_error', 'offline', 'maintenance', 'unknown'] as const;
export type TerminalStateLabel = (typeof terminalStates)[number];

/** Why a call of a terminal failed. */
export const commErrorReasons = ['connect', 'identity', 'silent', 'broken', 'refused'] as const;
export type CommErrorReason = (typeof commErrorReasons)[number];

/** Labels of a terminal. */
export const terminalLabels = { hall: 'any', terminal: 'any' } as const;

const since = '0.1.0';

/**
 * What the terminal exporter says of a hall. All of it comes from the hall server's feed, and while that is away none of the
 * terminals' families is there: what was true is not shown as what is.
 */
export const terminalFamilies = defineFamilies({
  hallUp: {
    name: 'hallkeeper_hall_up',
    kind: 'gauge',
    labels: { hall: 'any' },
    help: 'Whether the hall server that leads is connected, has told its terminals and writes its ledger (1), or nothing is known of them now (0).',
    since,
  },
  info: {
    name: 'hallkeeper_terminal_info',
    kind: 'info',
    labels: { ...terminalLabels, model: 'any', hall_zone: 'any', agent_version: 'any' },
    help: 'Model and zone of the terminal from the roster, and the version of its agent from its last heartbeat.',
    since,
  },
  state: {
    name: 'hallkeeper_terminal_state',
    kind: 'gauge',
    labels: { ...terminalLabels, state: terminalStates },
    help: 'State of the terminal as the hall server decides it: 1 for the present one, 0 for the others.',
    since,
  },
  stateSeconds: {
    name: 'hallkeeper_terminal_state_seconds_total',
    kind: 'counter',
    unit: 'seconds',
    labels: { ...terminalLabels, state: terminalStates },
    help: 'Time the terminal was in a state, from the history in the ledger. It goes on over restarts and failovers and counts only while somebody watched.',
    since,
  },
  lastSeen: {
    name: 'hallkeeper_terminal_last_seen_timestamp_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: terminalLabels,
    help: 'When the last heartbeat of the terminal arrived, by the clock of the hall server, in seconds since 1970.',
    since,
  },
  roundTrip: {
    name: 'hallkeeper_terminal_heartbeat_round_trip_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: terminalLabels,
    help: 'Round trip of the last answered heartbeat over the active channel, measured by the terminal.',
    since,
  },
  calls: {
    name: 'hallkeeper_terminal_calls_total',
    kind: 'counter',
    labels: terminalLabels,
    help: 'Calls the terminal began over all channels: connection attempts, hellos and heartbeats. Counted by its agent, from 0 at its start.',
    since,
  },
  commErrors: {
    name: 'hallkeeper_terminal_comm_errors_total',
    kind: 'counter',
    labels: { ...terminalLabels, reason: commErrorReasons },
    help: 'Calls of the terminal that failed, by reason. Counted by its agent, from 0 at its start.',
    since,
  },
  clockOffset: {
    name: 'hallkeeper_terminal_clock_offset_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: terminalLabels,
    help: 'Wall clock of the terminal minus that of the hall server, at the last heartbeat. Absent while the terminal is silent.',
    since,
  },
  identityDuplicate: {
    name: 'hallkeeper_terminal_identity_duplicate',
    kind: 'gauge',
    labels: terminalLabels,
    help: 'Whether two live runs used the certificate of the terminal in the last minute (1): one of them is a copy. Neither may start new play.',
    since,
  },
  hangs: {
    name: 'hallkeeper_terminal_hangs_total',
    kind: 'counter',
    labels: terminalLabels,
    help: 'Times the terminal went to the state hung, from the history in the ledger. It goes on over restarts and failovers.',
    since,
  },
});
