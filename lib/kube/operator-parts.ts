import type { Part } from '#lib/base/parts.ts';

export interface OperatorParts {
  /** Health and metrics: also served by followers, and before the caches, or probes would wait for what waits for them. */
  readonly servers: readonly Part[];
  readonly caches: Part;
  /** What every replica does. */
  readonly everyReplica: readonly Part[];
  /** Absent: a program that is never run twice. */
  readonly lease?: Part | undefined;
  /** What only the leader does. */
  readonly controllers: readonly Part[];
  readonly events: Part;
}

/**
 * The order in which an operator starts; it stops in the opposite one. Controllers MUST have ended before the lease is
 * given back, because the successor begins at once; they need the caches until then. Servers answer to the last, and
 * events are flushed when nobody can record one any more. When leadership is lost nothing of this runs: the process ends.
 */
export function operatorParts({ servers, caches, everyReplica, lease, controllers, events }: OperatorParts): readonly Part[] {
  return [events, ...servers, caches, ...everyReplica, ...(lease === undefined ? [] : [lease]), ...controllers];
}
