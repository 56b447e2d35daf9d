import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { Random } from '#lib/base/random.ts';
import type { BackoffPolicy } from '#lib/base/retry.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { Controller } from '#lib/kube/controller.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import type { EventRecorder } from '#lib/kube/events.ts';
import type { Mapping, Predicate } from '#lib/kube/mapping.ts';
import type { KubeMetrics } from '#lib/kube/metrics.ts';
import type { KubeObject, ObjectKey } from '#lib/kube/objects.ts';
import type { Followed } from './followed.ts';
import type { Nudge } from './nudge.ts';
import type { OperatorCaches } from './operator-caches.ts';

/** What every controller gets. Made once by `main.ts`; shared. */
export interface OperatorPorts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Events under `hallkeeper.dev/operator`, on transitions only. */
  readonly events: Pick<EventRecorder, 'record'>;
  readonly caches: OperatorCaches;
  readonly trustDomain: string;
}

/**
 * One controller, as data. A folder exports a function of the ports that returns a Room; `main.ts` lists those functions:
 *
 *   export function hallControllers(ports: OperatorPorts): Room {
 *     const hall = defineController({
 *       name: 'hall',
 *       reconcile: (key, run) => reconcileHall(key, ports, run),
 *       watches: [
 *         watch(ports.caches.halls, mapSelf(), generationChanged()),
 *         watch(ports.caches.pairs, mapIndex(ports.caches.halls, 'pair', (pair) => [keyText(keyOf(pair))])),
 *         hear(fleetNudge),
 *       ],
 *     });
 *     return { controllers: [hall] };
 *   }
 */
export interface ControllerDefinition {
  /** As in metrics and log lines. */
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly watches: readonly WatchBinding[];
  readonly workers: number;
  readonly runMaxMs: number;
  readonly backoff: BackoffPolicy;
  /** As in ControllerOptions: when to look again after an error that says `never`. */
  readonly refusedAgainMs?: number;
}

/** Makes a controller look at keys whenever something happens. */
export interface WatchBinding {
  attach(controller: Controller): void;
}

/** What a folder of controllers contributes. */
export interface Room {
  readonly controllers: readonly ControllerDefinition[];
  /** What else only the leader runs, such as streams to hall servers. Started before the controllers. */
  readonly parts?: readonly Part[];
}

const defaults = {
  workers: 4,
  runMaxMs: 30_000,
  // The first repetition is quick, as for work inside the cluster; the longest pause stays one that a person waits for.
  backoff: { firstMs: 50, maxMs: 60_000, jitterPercent: 20 },
} as const;

export function defineController(
  definition: Pick<ControllerDefinition, 'name' | 'reconcile' | 'watches'> & Partial<ControllerDefinition>,
): ControllerDefinition {
  return { ...defaults, ...definition };
}

/** Looks at the mapped keys whenever a followed object comes, changes or goes. */
export function watch<T extends KubeObject>(followed: Followed<T>, mapping: Mapping<T>, predicate?: Predicate<T>): WatchBinding {
  return {
    attach: (controller) => {
      for (const reflector of followed.reflectors) controller.watch(reflector, mapping, predicate);
    },
  };
}

/** Looks at every key that the nudge tells, or at those that `mapping` makes of it. */
export function hear(nudge: Nudge, mapping: (key: ObjectKey) => Iterable<ObjectKey> = (key) => [key]): WatchBinding {
  return {
    attach: (controller) =>
      nudge.listen((told) => {
        for (const key of mapping(told)) controller.enqueue(key);
      }),
  };
}

export interface BuildPorts extends Pick<OperatorPorts, 'clock' | 'random' | 'log'> {
  readonly metrics: Pick<KubeMetrics, 'controller'>;
  /** A broken promise of our own code: the process must end. */
  readonly fatal: (error: Error) => void;
}

/** Builds the controller of a definition, listening already. Before the caches start, so that it hears of everything. */
export function buildController({ watches, ...options }: ControllerDefinition, { metrics, ...ports }: BuildPorts): Controller {
  const controller = new Controller(options, { ...ports, observer: metrics.controller(options.name, options.workers) });
  for (const binding of watches) binding.attach(controller);
  return controller;
}
