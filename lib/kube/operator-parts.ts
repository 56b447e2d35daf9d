import type { Part } from '#lib/base/parts.ts';
import type { KubeCaches } from './caches.ts';
import { stopControllersMaxMs } from './controller.ts';
import type { Controller } from './controller.ts';
import type { LeaderElector } from './lease.ts';

export interface OperatorParts {
  /** Health and metrics: also served by followers, and before the caches, or probes would wait for what waits for them. */
  readonly servers: readonly Part[];
  readonly caches: Pick<KubeCaches, 'part' | 'refresh'>;
  /** What every replica does. */
  readonly everyReplica: readonly Part[];
  /** Absent: a program that is never run twice. */
  readonly lease?: Pick<LeaderElector, 'part'> | undefined;
  /** What only the leader runs for its controllers, such as streams: started before them. */
  readonly leaderParts: readonly Part[];
  /** What only the leader does. Stopped together, within one limit. */
  readonly controllers: readonly Pick<Controller, 'name' | 'start' | 'stop'>[];
  readonly events: Part;
}

/**
 * The order in which an operator starts; it stops in the opposite one. Controllers MUST have ended before the lease is
 * given back, because the successor begins at once: when one of them does not end, the lease stays ours until the process
 * ends. They need the caches until then. Servers answer to the last, and events are flushed when nobody can record one
 * any more. When leadership is lost nothing of this runs: the process ends.
 */
export function operatorParts(parts: OperatorParts): readonly Part[] {
  const { servers, caches, everyReplica, lease, leaderParts, controllers, events } = parts;
  const running = new Set<Part>();
  const guarded = [...leaderParts, controllersPart(controllers)].map((part) => noted(part, running));
  const elected = lease === undefined ? [] : [lease.part(() => [...running].map(({ name }) => name)), freshCaches(caches)];
  return [events, ...servers, caches.part(), ...everyReplica, ...elected, ...guarded];
}

/** All controllers as one part: one after another they could take longer than a program is given to stop. */
function controllersPart(controllers: OperatorParts['controllers']): Part {
  return {
    name: 'controllers',
    start: () => {
      for (const controller of controllers) controller.start();
    },
    stop: async () => {
      const ends = await Promise.allSettled(controllers.map((controller) => controller.stop()));
      const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []));
      if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('; '));
    },
    stopMaxMs: stopControllersMaxMs,
  };
}

/** A follower's stores may be old without its knowing; what the former leader did must be in them before we go on. */
function freshCaches(caches: Pick<KubeCaches, 'refresh'>): Part {
  return { name: 'caches as of the election', start: (signal) => caches.refresh(signal), stop: () => undefined, stopMaxMs: 100 };
}

/** The part, noted as running from its start until its stop has succeeded. */
function noted(part: Part, running: Set<Part>): Part {
  return {
    name: part.name,
    stopMaxMs: part.stopMaxMs,
    start: (signal) => {
      running.add(part);
      return part.start(signal);
    },
    stop: async () => {
      await part.stop();
      running.delete(part);
    },
  };
}
