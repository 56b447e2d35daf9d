import { defineFamilies } from '#lib/exposition/family.ts';

/** What the hall server is asked. */
const hallMethods = ['attach', 'heartbeat', 'watch', 'history', 'put_roster'] as const;
export type HallMethod = (typeof hallMethods)[number];

/** How it answers, in gRPC's words. NotPrimary is an answer, so it counts as OK. */
export const answerCodes = [
  'OK',
  'INVALID_ARGUMENT',
  'PERMISSION_DENIED',
  'ALREADY_EXISTS',
  'ABORTED',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'UNAVAILABLE',
  'INTERNAL',
] as const;
export type AnswerCode = (typeof answerCodes)[number];

const since = '0.1.0';
const labels = { hall: 'any', member: 'any' } as const;

/** What a hall server says of itself. */
export const hallFamilies = defineFamilies({
  requests: {
    name: 'hallkeeper_hall_requests_total',
    kind: 'counter',
    labels: { ...labels, method: hallMethods, code: answerCodes },
    help: 'Answers of this hall server: hellos (attach), heartbeats, and calls of readers and the operator.',
    since,
  },
  requestSeconds: {
    name: 'hallkeeper_hall_request_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: { ...labels, method: hallMethods },
    help: 'Time from reading a request to its answer. Heartbeats and hellos never wait for the ledger; put_roster does.',
    since,
    bounds: [0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 5],
  },
  streams: {
    name: 'hallkeeper_hall_streams',
    kind: 'gauge',
    labels: { ...labels, method: ['attach', 'watch'] },
    help: 'Open streams of terminals (attach) and readers (watch).',
    since,
  },
  ledgerWritable: {
    name: 'hallkeeper_hall_ledger_writable',
    kind: 'gauge',
    labels,
    help: 'Whether the ledger of the leading hall server can be written (1) or not (0): states are decided on, but nobody is told. Absent on a standby.',
    since,
  },
  commitSeconds: {
    name: 'hallkeeper_ingest_commit_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels,
    help: 'Time of one transaction of the ledger writer, the wait for the standby included. Only good ones count.',
    since,
    bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
  },
  stallSeconds: {
    name: 'hallkeeper_event_loop_stall_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels,
    help: 'By how much a timer that is due every 50 ms fires late: the time in which this process answered nobody.',
    since,
    bounds: [0.001, 0.005, 0.015, 0.05, 0.1, 0.25, 1],
  },
});
