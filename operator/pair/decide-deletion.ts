import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';

/** On a pair whose deletion takes things down. One that is retained has none: nothing outside must be undone. */
export const pairFinalizer = 'hallkeeper.dev/pair-cleanup';

/** What does not answer holds up a deletion for at most this long. */
export const giveUpAfterMs = 600_000;

/**
 * live     Not being deleted. `finalizer` says what to do with ours: the policy may have changed.
 * cleanUp  Take down what belongs to the pair, then take the finalizer off. `giveUp`: do not wait for what does not answer.
 * leave    Being deleted, and nothing is taken down: members, record, authority, DNS and Service stay as they are.
 */
export type DeletionDecision =
  | { readonly do: 'live'; readonly finalizer: 'keep' | 'add' | 'remove' }
  | { readonly do: 'cleanUp'; readonly giveUp: boolean }
  | { readonly do: 'leave'; readonly finalizer: 'keep' | 'remove' };

/** @param nowMs  Wall time, compared with the API server's: minutes count, not seconds. */
export function decideDeletion({ metadata, spec }: Pick<FailoverPair, 'metadata' | 'spec'>, nowMs: number): DeletionDecision {
  const present = metadata.finalizers?.includes(pairFinalizer) ?? false;
  const takesDown = spec.deletionPolicy === 'Delete';
  if (metadata.deletionTimestamp === undefined) {
    return { do: 'live', finalizer: present === takesDown ? 'keep' : takesDown ? 'add' : 'remove' };
  }
  if (!present) return { do: 'leave', finalizer: 'keep' };
  if (!takesDown) return { do: 'leave', finalizer: 'remove' };
  return { do: 'cleanUp', giveUp: nowMs - Date.parse(metadata.deletionTimestamp) >= giveUpAfterMs };
}
