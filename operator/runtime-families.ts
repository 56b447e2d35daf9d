import { defineFamilies } from '#lib/exposition/family.ts';
import { reflectorModes } from '#lib/kube/decide-reflector.ts';
import { queueBuckets, reconcileBuckets, requestBuckets, results } from '#lib/kube/metrics.ts';

const since = '0.1.0';
const controller = { controller: 'any' } as const;
const queue = { name: 'any', controller: 'any' } as const;

/**
 * What the runtime of the operator exposes, for people who read about it: controllers under the names of controller-runtime and client-go,
 * and what prom-client tells of a process. The metrics themselves are made there; a test keeps this table and them equal.
 */
export const runtimeFamilies = defineFamilies({
  reconcileTotal: {
    name: 'controller_runtime_reconcile_total',
    kind: 'counter',
    labels: { ...controller, result: results },
    help: 'Reconciliations, by how they ended.',
    since,
  },
  reconcileErrors: {
    name: 'controller_runtime_reconcile_errors_total',
    kind: 'counter',
    labels: controller,
    help: 'Reconciliations that failed.',
    since,
  },
  terminalErrors: {
    name: 'controller_runtime_terminal_reconcile_errors_total',
    kind: 'counter',
    labels: controller,
    help: 'Reconciliations that failed and are not tried again.',
    since,
  },
  panics: {
    name: 'controller_runtime_reconcile_panics_total',
    kind: 'counter',
    labels: controller,
    help: 'Reconciliations that failed by a mistake in the program.',
    since,
  },
  timeouts: {
    name: 'controller_runtime_reconcile_timeouts_total',
    kind: 'counter',
    labels: controller,
    help: 'Reconciliations that ran out of time.',
    since,
  },
  reconcileSeconds: {
    name: 'controller_runtime_reconcile_time_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: controller,
    help: 'Time of one reconciliation.',
    since,
    bounds: reconcileBuckets,
  },
  concurrent: {
    name: 'controller_runtime_max_concurrent_reconciles',
    kind: 'gauge',
    labels: controller,
    help: 'Keys that may be worked on at once.',
    since,
  },
  active: {
    name: 'controller_runtime_active_workers',
    kind: 'gauge',
    labels: controller,
    help: 'Keys that are being worked on.',
    since,
  },
  depth: {
    name: 'workqueue_depth',
    kind: 'gauge',
    labels: { ...queue, priority: 'any' },
    help: 'Keys ready to be worked on.',
    since,
  },
  adds: { name: 'workqueue_adds_total', kind: 'counter', labels: queue, help: 'Keys that became ready.', since },
  retries: { name: 'workqueue_retries_total', kind: 'counter', labels: queue, help: 'Keys that were added for later.', since },
  waited: {
    name: 'workqueue_queue_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: queue,
    help: 'Time a key waited before it was worked on.',
    since,
    bounds: queueBuckets,
  },
  worked: {
    name: 'workqueue_work_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: queue,
    help: 'Time a key was worked on.',
    since,
    bounds: queueBuckets,
  },
  unfinished: {
    name: 'workqueue_unfinished_work_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: queue,
    help: 'Time spent so far on keys that are being worked on.',
    since,
  },
  longest: {
    name: 'workqueue_longest_running_processor_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: queue,
    help: 'Time spent so far on the key that takes longest.',
    since,
  },
  requests: {
    name: 'rest_client_requests_total',
    kind: 'counter',
    labels: { code: 'any', method: 'any', host: 'any' },
    help: 'Requests to the API server, by status code, method and host.',
    since,
  },
  requestSeconds: {
    name: 'rest_client_request_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: { verb: 'any', host: 'any' },
    help: 'Time until an answer began, by verb and host.',
    since,
    bounds: requestBuckets,
  },
  master: {
    name: 'leader_election_master_status',
    kind: 'gauge',
    labels: { name: 'any' },
    help: 'Whether this process leads: 1 leader, 0 backup.',
    since,
  },
  slowPath: {
    name: 'leader_election_slowpath_total',
    kind: 'counter',
    labels: { name: 'any' },
    help: 'Renewals of the lease that had to read it again.',
    since,
  },
  eventsDropped: {
    name: 'hallkeeper_kube_events_dropped_total',
    kind: 'counter',
    labels: {},
    help: 'Events that never reached the API server.',
    since,
  },
  reflectorMode: {
    name: 'hallkeeper_kube_reflector_mode',
    kind: 'gauge',
    labels: { resource: 'any', mode: reflectorModes },
    help: 'How many reflectors of the resource are in this mode.',
    since,
  },
  reflectorHeard: {
    name: 'hallkeeper_kube_reflector_last_heard_timestamp_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: { resource: 'any' },
    help: 'When the last page, event or bookmark of the resource came, in seconds since 1970. Absent before the first.',
    since,
  },
  reflectorLists: {
    name: 'hallkeeper_kube_reflector_lists_total',
    kind: 'counter',
    labels: { resource: 'any' },
    help: 'Complete lists of the resource since the start.',
    since,
  },
});
