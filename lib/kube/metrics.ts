import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Clock } from '#lib/base/clock.ts';
import type { KubeCaches } from './caches.ts';
import type { Controller, ControllerObserver, ReconcileResult } from './controller.ts';
import type { ElectorObserver } from './lease.ts';
import { reflectorModes } from './decide-reflector.ts';
import type { RequestObserver } from './request.ts';

/** Bounds in seconds, as controller-runtime has them. */
export const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5,
  5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
export const requestBuckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
/** Powers of ten, each written out: a product of them would not be the same number. */
export const queueBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1_000];

/** All results there are; `requeue` exists on dashboards only and stays at zero. */
export const results = ['success', 'error', 'requeue', 'requeue_after'] as const satisfies readonly (ReconcileResult | 'requeue')[];

/** The only priority that our queues have. */
const priority = '0';

/**
 * Metrics of the runtime under the names of controller-runtime and client-go, so that their dashboards and alerts work.
 * Made once per registry. Every series of a part stands at zero as soon as the part is known here.
 */
export class KubeMetrics {
  readonly #registry: Registry;
  readonly #runs;
  readonly #queue;
  readonly #requests;
  readonly #master: Gauge<'name'>;
  readonly #slowPath: Counter<'name'>;
  readonly #dropped: Counter;
  /** Sets the gauges of the queues; nothing before the controllers are known. */
  #readQueues = (): void => undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#runs = runMetrics(registers);
    this.#queue = queueMetrics(registers, () => this.#readQueues());
    this.#requests = {
      total: new Counter({
        name: 'rest_client_requests_total',
        help: 'Requests to the API server, by status code, method and host.',
        labelNames: ['code', 'method', 'host'],
        registers,
      }),
      seconds: new Histogram({
        name: 'rest_client_request_duration_seconds',
        help: 'Time until an answer began, by verb and host.',
        labelNames: ['verb', 'host'],
        buckets: requestBuckets,
        registers,
      }),
    };
    this.#master = new Gauge({
      name: 'leader_election_master_status',
      help: 'Whether this process leads: 1 leader, 0 backup.',
      labelNames: ['name'],
      registers,
    });
    this.#slowPath = new Counter({
      name: 'leader_election_slowpath_total',
      help: 'Renewals of the lease that had to read it again.',
      labelNames: ['name'],
      registers,
    });
    this.#dropped = new Counter({
      name: 'hallkeeper_kube_events_dropped_total',
      help: 'Events that never reached the API server.',
      registers,
    });
  }

  get requests(): RequestObserver {
    const { total, seconds } = this.#requests;
    return {
      answered: ({ verb, method, host, code }, duration) => {
        total.inc({ code, method, host });
        seconds.observe({ verb, host }, duration);
      },
    };
  }

  elector(name: string): ElectorObserver {
    this.#slowPath.inc({ name }, 0);
    this.#master.set({ name }, 0);
    return {
      leading: (isLeader) => this.#master.set({ name }, isLeader ? 1 : 0),
      slowPath: () => this.#slowPath.inc({ name }),
    };
  }

  /** For the `dropped` port of the event recorder. */
  readonly eventDropped = (): void => this.#dropped.inc();

  /** For the `observer` port of the controller of this name. */
  controller(name: string, workers: number): ControllerObserver {
    const { total, errors, terminal, panics, late, seconds, active, concurrent } = this.#runs;
    const queue = this.#queue;
    const own = { controller: name };
    const queueOwn = { name, controller: name };
    for (const result of results) total.inc({ ...own, result }, 0);
    for (const counter of [errors, terminal, panics, late]) counter.inc(own, 0);
    active.set(own, 0);
    concurrent.set(own, workers);
    seconds.zero(own);
    for (const counter of [queue.adds, queue.retries]) counter.inc(queueOwn, 0);
    for (const histogram of [queue.waited, queue.worked]) histogram.zero(queueOwn);
    for (const gauge of [queue.unfinished, queue.longest]) gauge.set(queueOwn, 0);
    queue.depth.set({ ...queueOwn, priority }, 0);
    return {
      queue: {
        added: () => queue.adds.inc(queueOwn),
        delayed: () => queue.retries.inc(queueOwn),
        taken: (waitedSeconds) => queue.waited.observe(queueOwn, waitedSeconds),
        done: (workedSeconds) => queue.worked.observe(queueOwn, workedSeconds),
      },
      started: () => active.inc(own),
      ended: (run) => {
        active.dec(own);
        total.inc({ ...own, result: run.result });
        seconds.observe(own, run.seconds);
        if (run.result === 'error') errors.inc(own);
        if (run.terminal) terminal.inc(own);
        if (run.panic) panics.inc(own);
        if (run.late) late.inc(own);
      },
    };
  }

  /** Reads the gauges of these parts at each scrape. Once, when all controllers and resources are declared. */
  watch({ controllers, caches, clock }: WatchedParts): void {
    this.#readQueues = () => {
      for (const controller of controllers) {
        const own = { name: controller.name, controller: controller.name };
        const working = controller.workingSeconds();
        this.#queue.depth.set({ ...own, priority }, controller.depth);
        this.#queue.unfinished.set(
          own,
          working.reduce((sum, seconds) => sum + seconds, 0),
        );
        this.#queue.longest.set(own, Math.max(0, ...working));
      }
    };
    cacheMetrics([this.#registry], caches, clock);
  }
}

export interface WatchedParts {
  readonly controllers: readonly Controller[];
  readonly caches: KubeCaches;
  readonly clock: Pick<Clock, 'wallMs'>;
}

function runMetrics(registers: Registry[]) {
  const labelNames = ['controller'] as const;
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  return {
    total: new Counter({
      name: 'controller_runtime_reconcile_total',
      help: 'Reconciliations, by how they ended.',
      labelNames: ['controller', 'result'],
      registers,
    }),
    errors: counter('controller_runtime_reconcile_errors_total', 'Reconciliations that failed.'),
    terminal: counter('controller_runtime_terminal_reconcile_errors_total', 'Reconciliations that failed and are not tried again.'),
    panics: counter('controller_runtime_reconcile_panics_total', 'Reconciliations that failed by a mistake in the program.'),
    late: counter('controller_runtime_reconcile_timeouts_total', 'Reconciliations that ran out of time.'),
    seconds: new Histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'Time of one reconciliation.',
      labelNames,
      buckets: reconcileBuckets,
      registers,
    }),
    concurrent: gauge('controller_runtime_max_concurrent_reconciles', 'Keys that may be worked on at once.'),
    active: gauge('controller_runtime_active_workers', 'Keys that are being worked on.'),
  };
}

/** @param read  Sets all gauges. Runs at each scrape when the first of them is asked for. */
function queueMetrics(registers: Registry[], read: () => void) {
  const labelNames = ['name', 'controller'] as const;
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  const histogram = (name: string, help: string) => new Histogram({ name, help, labelNames, buckets: queueBuckets, registers });
  return {
    depth: new Gauge({
      name: 'workqueue_depth',
      help: 'Keys ready to be worked on.',
      labelNames: ['name', 'controller', 'priority'],
      registers,
      collect: read,
    }),
    adds: counter('workqueue_adds_total', 'Keys that became ready.'),
    retries: counter('workqueue_retries_total', 'Keys that were added for later.'),
    waited: histogram('workqueue_queue_duration_seconds', 'Time a key waited before it was worked on.'),
    worked: histogram('workqueue_work_duration_seconds', 'Time a key was worked on.'),
    unfinished: gauge('workqueue_unfinished_work_seconds', 'Time spent so far on keys that are being worked on.'),
    longest: gauge('workqueue_longest_running_processor_seconds', 'Time spent so far on the key that takes longest.'),
  };
}

/** One value per resource; of several reflectors of one resource the worst is shown. */
function cacheMetrics(registers: Registry[], caches: KubeCaches, clock: WatchedParts['clock']): void {
  const mode = new Gauge({
    name: 'hallkeeper_kube_reflector_mode',
    help: 'How many reflectors of the resource are in this mode.',
    labelNames: ['resource', 'mode'],
    registers,
    collect: () => {
      const statuses = caches.statuses();
      for (const { plural } of statuses) {
        for (const each of reflectorModes) {
          const count = statuses.filter((known) => known.plural === plural && known.status.mode === each).length;
          mode.set({ resource: plural, mode: each }, count);
        }
      }
    },
  });
  const heard: Gauge<'resource'> = new Gauge({
    name: 'hallkeeper_kube_reflector_last_heard_timestamp_seconds',
    help: 'When the last page, event or bookmark of the resource came, in seconds since 1970. Absent before the first.',
    labelNames: ['resource'],
    registers,
    collect: () => {
      const nowMs = clock.wallMs();
      const worst = new Map<string, number>();
      for (const { plural, status } of caches.statuses()) {
        if (status.silentMs !== undefined) worst.set(plural, Math.max(worst.get(plural) ?? 0, status.silentMs));
      }
      for (const [resource, silentMs] of worst) heard.set({ resource }, Math.round(nowMs - silentMs) / 1_000);
    },
  });
  const lists: Counter<'resource'> = new Counter({
    name: 'hallkeeper_kube_reflector_lists_total',
    help: 'Complete lists of the resource since the start.',
    labelNames: ['resource'],
    registers,
    collect: () => {
      const sums = new Map<string, number>();
      for (const { plural, status } of caches.statuses()) sums.set(plural, (sums.get(plural) ?? 0) + status.lists);
      // Each reflector counts for itself and never back; the counter is only where the sum is shown.
      lists.reset();
      for (const [resource, sum] of sums) lists.inc({ resource }, sum);
    },
  });
}
