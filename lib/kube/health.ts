import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { KubeCaches } from './caches.ts';
import type { Controller } from './controller.ts';
import type { KubeErrorCode } from './errors.ts';
import type { LeaderElector } from './lease.ts';

/** One named check of `/healthz` or `/readyz`. The problem in words, or undefined when there is none. */
export interface HealthCheck {
  readonly name: string;
  check(): string | undefined;
}

/** `/healthz`: restart me. Never asks the API server or a database: a restart would not bring them back. */
export function leaderCheck(elector: Pick<LeaderElector, 'stalled'>): HealthCheck {
  return { name: 'leader-election', check: () => elector.stalled() };
}

/** `/healthz`: work was lost that only a fresh list finds. */
export function workqueueCheck(controllers: readonly Pick<Controller, 'name' | 'overflowed'>[]): HealthCheck {
  return {
    name: 'workqueues',
    check: () => {
      const full = controllers.filter(({ overflowed }) => overflowed).map(({ name }) => name);
      return full.length === 0 ? undefined : `keys were refused by ${full.join(', ')}`;
    },
  };
}

/** Failures that no patience mends: what is stored grows old until somebody helps. */
const lasting: readonly KubeErrorCode[] = ['HK_KUBE_FORBIDDEN', 'HK_KUBE_UNAUTHORIZED', 'HK_KUBE_NO_RESOURCE'];

/** `/readyz`: the first list of every resource has been read, and none is refused to us since. An API server that is away is no reason. */
export function cachesCheck(caches: Pick<KubeCaches, 'statuses'>): HealthCheck {
  return {
    name: 'caches',
    check: () => {
      const statuses = caches.statuses();
      const missing = statuses.filter(({ status }) => !status.hasSynced);
      const refused = statuses.filter(({ status: { hasSynced, failure } }) => hasSynced && failure && lasting.includes(failure.code));
      const say = (these: typeof statuses): string =>
        these.map(({ name, status }) => (status.failure === undefined ? name : `${name} (${status.failure.message})`)).join('; ');
      const problems = [
        ...(missing.length === 0 ? [] : [`not synced: ${say(missing)}`]),
        ...(refused.length === 0 ? [] : [`not followed any more: ${say(refused)}`]),
      ];
      return problems.length === 0 ? undefined : problems.join('; ');
    },
  };
}

/** How late the event loop runs its timers. Started and stopped with the program; holds a native timer in between. */
export class EventLoopLag {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });

  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** The longest stall in milliseconds since the last call: each call begins a new period. */
  takeMaxMs(): number {
    // Before the first sample the maximum is zero; afterwards it includes the sampling interval itself.
    const maxMs = Math.max(0, this.#histogram.max / 1e6 - resolutionMs);
    this.#histogram.reset();
    return maxMs;
  }
}

const resolutionMs = 10;

/** `/healthz`: the event loop stood still for longer than `limitMs` since the last probe. */
export function eventLoopCheck(lag: Pick<EventLoopLag, 'takeMaxMs'>, limitMs: number): HealthCheck {
  return {
    name: 'event-loop',
    check: () => {
      const maxMs = lag.takeMaxMs();
      return maxMs > limitMs ? `the event loop stood still for ${Math.round(maxMs)} ms` : undefined;
    },
  };
}
