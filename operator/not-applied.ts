import { codeOf, messageOf, retryOf } from '#lib/base/errors.ts';
import { setCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';

/** Of these nothing is told: they say that the API server is away or busy, or that somebody was quicker, and the next look knows more. */
const passing: ReadonlySet<string | undefined> = new Set([
  'HK_KUBE_UNREACHABLE',
  'HK_KUBE_DEADLINE',
  'HK_KUBE_GARBLED',
  'HK_KUBE_CREDENTIALS',
  'HK_KUBE_UNAUTHORIZED',
  'HK_KUBE_BUSY',
  'HK_OBJECT_UNSEEN',
  'HK_CLAIM_CONTESTED',
  'HK_CLEANUP_PENDING',
  'HK_RECONCILE_LATE',
]);

/** Whether an error that ended a look is worth a word in the status: somebody may have to do something about it. */
export function isTold(error: unknown): boolean {
  return retryOf(error) !== 'reread' && !passing.has(codeOf(error));
}

/**
 * The conditions that stand, with a Ready that says why nothing more could be done. For the look that ends with this error: without
 * it an object that the API server refuses us something for would have no status at all.
 */
export function notApplied(
  standing: readonly unknown[] | undefined,
  error: unknown,
  generation: number,
  nowWallMs: number,
): readonly Condition[] {
  return setCondition(
    (standing ?? []) as readonly Condition[],
    { ...notAppliedStatement(error), observedGeneration: generation },
    nowWallMs,
  );
}

/** As the schema of conditions limits it, with room to spare. */
const messageMax = 4_096;

export function notAppliedStatement(error: unknown): {
  readonly type: 'Ready';
  readonly status: 'False';
  readonly reason: 'NotApplied';
  readonly message: string;
} {
  return { type: 'Ready', status: 'False', reason: 'NotApplied', message: messageOf(error).slice(0, messageMax) };
}
