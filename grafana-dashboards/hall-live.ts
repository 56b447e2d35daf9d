import type { BoardPlan, PanelPlan, StatePlan } from './board-plan.ts';

const hall = 'hall=~"$hall"';

/**
 * One number for a one-hot family, so that a timeline has one row for each object. When two sources disagree for a moment, the higher
 * number, the worse state, is shown.
 */
function stateCode(family: string, label: string, by: string, codes: Readonly<Record<string, number>>): string {
  const terms = Object.entries(codes).map(([value, code]) => `${family}{${hall},${label}="${value}"} * ${code}`);
  return `max by (${by}) (${terms.join(' or ')})`;
}

const modes = { sync: 1, solo: 2, claim: 3, new: 4 };
const modeStates: readonly StatePlan[] = [
  { value: 1, text: 'SYNC', color: 'green' },
  { value: 2, text: 'SOLO', color: 'orange' },
  { value: 3, text: 'CLAIM', color: 'red' },
  { value: 4, text: 'NEW', color: 'blue' },
  { value: 0, text: 'not known', color: 'text' },
];
const roles = { standby: 1, primary: 2 };
const roleStates: readonly StatePlan[] = [
  { value: 2, text: 'primary', color: 'green' },
  { value: 1, text: 'standby', color: 'blue' },
  { value: 0, text: 'no role', color: 'orange' },
];
const terminalStates = { online: 1, maintenance: 2, unknown: 3, comm_error: 4, hung: 5, offline: 6 };
const terminalStateTexts: readonly StatePlan[] = [
  { value: 1, text: 'online', color: 'green' },
  { value: 2, text: 'maintenance', color: 'blue' },
  { value: 3, text: 'unknown', color: 'text' },
  { value: 4, text: 'communication errors', color: 'yellow' },
  { value: 5, text: 'hung', color: 'orange' },
  { value: 6, text: 'offline', color: 'red' },
];

const lostStates = 'state=~"offline|hung|comm_error"';
const timeLost = `sum by (hall, terminal) (increase(hallkeeper_terminal_state_seconds_total{${hall},${lostStates}}[$__range]))`;
/** The terminals that lost most time. Fixed at the end of the range, or each point of a timeline would choose others. */
const worst = `topk(20, sum by (hall, terminal) (increase(hallkeeper_terminal_state_seconds_total{${hall},${lostStates}}[$__range] @ end())))`;

const notYetFailedOver = 'a pair that never failed over has no phases';

const pairNow: readonly PanelPlan[] = [
  {
    kind: 'stat',
    title: 'Hall server',
    description: 'Whether an exporter reaches the hall server of the hall.',
    width: 4,
    height: 4,
    unit: 'none',
    states: [
      { value: 1, text: 'up', color: 'green' },
      { value: 0, text: 'not reached', color: 'red' },
    ],
    queries: [{ expr: `max by (hall) (hallkeeper_hall_up{${hall}})`, legend: '{{hall}}' }],
  },
  {
    kind: 'stat',
    title: 'Primary',
    description: 'The member that leads the pair. Two names mean that one of them has not yet heard of a change.',
    width: 4,
    height: 4,
    unit: 'none',
    showName: true,
    queries: [{ expr: `max by (hall, pair, member) (hallkeeper_pair_role{${hall},role="primary"}) == 1`, legend: '{{member}}' }],
  },
  {
    kind: 'stat',
    title: 'Mode',
    description:
      'SYNC: everything is on both members. SOLO: one member serves alone. CLAIM: the other member is taking over. NEW: never led.',
    width: 4,
    height: 4,
    unit: 'none',
    states: modeStates,
    queries: [{ expr: stateCode('hallkeeper_pair_mode', 'mode', 'hall, pair', modes), legend: '{{pair}}' }],
  },
  {
    kind: 'stat',
    title: 'Failover without loss',
    description: 'Whether the other member could take over now and lose nothing. The worse view of the two members counts.',
    width: 4,
    height: 4,
    unit: 'none',
    states: [
      { value: 1, text: 'possible', color: 'green' },
      { value: 0, text: 'impossible', color: 'red' },
    ],
    queries: [{ expr: `min by (hall, pair) (hallkeeper_pair_failover_possible{${hall}})`, legend: '{{pair}}' }],
  },
  {
    kind: 'stat',
    title: 'Epoch',
    description: 'Increases by one whenever another member leads.',
    width: 4,
    height: 4,
    unit: 'none',
    decimals: 0,
    queries: [{ expr: `max by (hall, pair) (hallkeeper_pair_epoch{${hall}})`, legend: '{{pair}}' }],
  },
  {
    kind: 'stat',
    title: 'Writes unavailable',
    description: 'Time in the shown range in which no write was acknowledged, because one member was taking over from the other.',
    width: 4,
    height: 4,
    unit: 's',
    decimals: 3,
    queries: [
      { expr: `sum by (hall, pair) (increase(hallkeeper_pair_write_unavailable_seconds_total{${hall}}[$__range]))`, legend: '{{pair}}' },
    ],
  },
];

const pairHistory: readonly PanelPlan[] = [
  {
    kind: 'stateTimeline',
    title: 'Roles',
    description: 'Which member led when.',
    width: 12,
    height: 6,
    unit: 'none',
    states: roleStates,
    queries: [{ expr: stateCode('hallkeeper_pair_role', 'role', 'hall, pair, member', roles), legend: '{{pair}} {{member}}' }],
  },
  {
    kind: 'stateTimeline',
    title: 'Mode over time',
    description: 'How long the pair was without a second copy (SOLO), and each take-over (CLAIM).',
    width: 12,
    height: 6,
    unit: 'none',
    states: modeStates,
    queries: [{ expr: stateCode('hallkeeper_pair_mode', 'mode', 'hall, pair', modes), legend: '{{pair}}' }],
  },
  {
    kind: 'barGauge',
    title: 'Last failover by phase',
    description: 'Where the time of the last failover went, as the member that took over measured it. Empty until the first failover.',
    width: 12,
    height: 7,
    unit: 's',
    decimals: 3,
    queries: [
      {
        expr:
          `max by (hall, pair, phase) (hallkeeper_pair_failover_phase_seconds{${hall}}` +
          ` and on (hall, pair, member) (hallkeeper_pair_role{${hall},role="primary"} == 1))`,
        legend: '{{pair}} {{phase}}',
        emptyIsNormal: notYetFailedOver,
      },
    ],
  },
  {
    kind: 'barGauge',
    title: 'Failovers',
    description: 'Changes of the leading member in the shown range, by the reason that the member which took over gives.',
    width: 12,
    height: 7,
    unit: 'short',
    decimals: 0,
    queries: [
      { expr: `sum by (hall, pair, reason) (increase(hallkeeper_pair_failovers_total{${hall}}[$__range]))`, legend: '{{pair}} {{reason}}' },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Replication lag',
    description: 'What the standby has not yet flushed, as the primary sees it. In SYNC no acknowledged write is among it.',
    width: 12,
    height: 7,
    unit: 'bytes',
    queries: [{ expr: `max by (hall, pair, member) (hallkeeper_pair_replication_lag_bytes{${hall}})`, legend: '{{pair}} {{member}}' }],
  },
  {
    kind: 'stateTimeline',
    title: 'Paths',
    description:
      'Whether each member reaches its peer by heartbeat, SQL and replication stream, and the arbiter. One lost path alone moves nothing.',
    width: 12,
    height: 7,
    unit: 'none',
    states: [
      { value: 1, text: 'up', color: 'green' },
      { value: 0, text: 'down', color: 'red' },
    ],
    queries: [
      { expr: `max by (hall, pair, member, path) (hallkeeper_pair_path_up{${hall}})`, legend: '{{pair}} {{member}} {{path}}' },
      { expr: `max by (hall, pair, member) (hallkeeper_pair_arbiter_up{${hall}})`, legend: '{{pair}} {{member}} arbiter' },
    ],
  },
];

const terminals: readonly PanelPlan[] = [
  {
    kind: 'stat',
    title: 'Terminals online',
    description: 'Share of the terminals that are online. Those under planned maintenance do not count.',
    width: 4,
    height: 8,
    unit: 'percentunit',
    thresholds: [
      { from: null, color: 'red' },
      { from: 0.9, color: 'orange' },
      { from: 0.98, color: 'green' },
    ],
    queries: [
      {
        expr:
          `sum by (hall) (hallkeeper_terminal_state{${hall},state="online"})` +
          ` / sum by (hall) (hallkeeper_terminal_state{${hall},state!="maintenance"})`,
        legend: '{{hall}}',
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Terminals by state',
    description: 'How many terminals are in each state. Each terminal is in exactly one.',
    width: 20,
    height: 8,
    unit: 'short',
    decimals: 0,
    queries: [{ expr: `sum by (hall, state) (hallkeeper_terminal_state{${hall}})`, legend: '{{hall}} {{state}}' }],
  },
  {
    kind: 'stateTimeline',
    title: 'Worst terminals',
    description: 'The 20 terminals that lost most time in the shown range, and when.',
    width: 24,
    height: 12,
    unit: 'none',
    states: terminalStateTexts,
    queries: [
      {
        expr: `${stateCode('hallkeeper_terminal_state', 'state', 'hall, terminal', terminalStates)} and on (hall, terminal) ${worst}`,
        legend: '{{hall}} {{terminal}}',
      },
    ],
  },
  {
    kind: 'table',
    title: 'Worst terminals in numbers',
    description:
      'Time lost (offline, hung or in communication errors), last heartbeat, its round trip, and failed calls in the shown range.',
    width: 24,
    height: 12,
    unit: 'none',
    columns: [
      { refId: 'A', title: 'Time lost', unit: 's' },
      { refId: 'B', title: 'Last heartbeat', unit: 'dateTimeFromNow' },
      { refId: 'C', title: 'Round trip', unit: 's' },
      { refId: 'D', title: 'Failed calls', unit: 'short' },
    ],
    queries: [
      { expr: `topk(20, ${timeLost})`, legend: '' },
      {
        expr: `max by (hall, terminal) (hallkeeper_terminal_last_seen_timestamp_seconds{${hall}}) * 1000 and on (hall, terminal) topk(20, ${timeLost})`,
        legend: '',
      },
      {
        expr: `max by (hall, terminal) (hallkeeper_terminal_heartbeat_round_trip_seconds{${hall}}) and on (hall, terminal) topk(20, ${timeLost})`,
        legend: '',
      },
      {
        expr: `sum by (hall, terminal) (increase(hallkeeper_terminal_comm_errors_total{${hall}}[$__range])) and on (hall, terminal) topk(20, ${timeLost})`,
        legend: '',
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Longest silences',
    description: 'Time since the last heartbeat, for the ten terminals that are silent longest.',
    width: 8,
    height: 8,
    unit: 's',
    queries: [
      {
        expr: `topk(10, time() - max by (hall, terminal) (hallkeeper_terminal_last_seen_timestamp_seconds{${hall}}))`,
        legend: '{{hall}} {{terminal}}',
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Heartbeat round trip',
    description: 'From the heartbeat of a terminal to the answer of the hall server: the middle one, one in a hundred, and the slowest.',
    width: 8,
    height: 8,
    unit: 's',
    queries: [
      { expr: `quantile by (hall) (0.5, hallkeeper_terminal_heartbeat_round_trip_seconds{${hall}})`, legend: '{{hall}} median' },
      { expr: `quantile by (hall) (0.99, hallkeeper_terminal_heartbeat_round_trip_seconds{${hall}})`, legend: '{{hall}} 99 %' },
      { expr: `max by (hall) (hallkeeper_terminal_heartbeat_round_trip_seconds{${hall}})`, legend: '{{hall}} slowest' },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Communication errors',
    description: 'Failed calls of all terminals to the hall server, a second, by reason.',
    width: 8,
    height: 8,
    unit: 'ops',
    queries: [
      {
        expr: `sum by (hall, reason) (rate(hallkeeper_terminal_comm_errors_total{${hall}}[$__rate_interval]))`,
        legend: '{{hall}} {{reason}}',
      },
    ],
  },
];

/** What happens in a hall now: its pair, the last failover, its terminals. */
export const hallLive: BoardPlan = {
  uid: 'hallkeeper-hall-live',
  title: 'Hallkeeper / Hall live',
  description: 'One hall now: the pair that serves it, the last failover phase by phase, and its terminals.',
  refresh: '30s',
  from: 'now-1h',
  rows: [
    { title: 'Pair', panels: [...pairNow, ...pairHistory] },
    { title: 'Terminals', panels: terminals },
  ],
};
