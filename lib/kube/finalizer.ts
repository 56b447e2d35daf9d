import type { JsonPatchOperation, KubeClient } from './client.ts';
import { isKubeError } from './errors.ts';
import { keyOf } from './objects.ts';
import type { KubeObject, ResourceType } from './objects.ts';

/**
 * add        Put the finalizer on, then leave: the change brings the next run.
 * reconcile  The normal work.
 * cleanup    Undo what stands outside the cluster; only after success take the finalizer off.
 * nothing    Others still hold the object, and we are done with it.
 */
export type FinalizerDecision = 'add' | 'reconcile' | 'cleanup' | 'nothing';

/** @param finalizer  `domain/purpose`, one per controller. */
export function decideFinalizer(object: KubeObject, finalizer: string): FinalizerDecision {
  const present = object.metadata.finalizers?.includes(finalizer) ?? false;
  const deleted = object.metadata.deletionTimestamp !== undefined;
  if (deleted) return present ? 'cleanup' : 'nothing';
  return present ? 'reconcile' : 'add';
}

/** Every patch tests what it was computed from, so that nobody else's finalizer is overwritten or taken off. */
export function addFinalizerPatch({ metadata: { uid, finalizers = [] } }: KubeObject, finalizer: string): readonly JsonPatchOperation[] {
  const same: JsonPatchOperation = { op: 'test', path: '/metadata/uid', value: uid };
  const path = '/metadata/finalizers';
  if (finalizers.length === 0) return [same, { op: 'test', path, value: null }, { op: 'add', path, value: [finalizer] }];
  return [same, { op: 'test', path, value: finalizers }, { op: 'add', path: `${path}/-`, value: finalizer }];
}

export function removeFinalizerPatch({ metadata: { uid, finalizers = [] } }: KubeObject, finalizer: string): readonly JsonPatchOperation[] {
  const path = `/metadata/finalizers/${finalizers.indexOf(finalizer)}`;
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path, value: finalizer },
    { op: 'remove', path },
  ];
}

export interface FinalizerWork<T extends KubeObject, R> {
  readonly type: ResourceType<T>;
  readonly finalizer: string;
  reconcile(object: T): Promise<R>;
  /** Any number of times, also when nothing was ever set up. */
  cleanup(object: T): Promise<void>;
}

/**
 * Does what the object's finalizer and deletion ask for. What `reconcile` returns is returned; undefined otherwise.
 *
 * @throws KubeError HK_KUBE_CONFLICT  when the finalizers are not those we read: look again.
 */
export async function withFinalizer<T extends KubeObject, R>(
  object: T,
  { type, finalizer, reconcile, cleanup }: FinalizerWork<T, R>,
  client: Pick<KubeClient, 'patch'>,
  signal: AbortSignal,
): Promise<R | undefined> {
  const patch = (operations: readonly JsonPatchOperation[]): Promise<T> =>
    client.patch(type, keyOf(object), { type: 'json', operations }, signal);
  switch (decideFinalizer(object, finalizer)) {
    case 'add':
      await patch(addFinalizerPatch(object, finalizer));
      return undefined;
    case 'reconcile':
      return reconcile(object);
    case 'cleanup':
      await cleanup(object);
      // Gone meanwhile means done: somebody took the last finalizer off by hand.
      await patch(removeFinalizerPatch(object, finalizer)).catch((error: unknown) => {
        if (!isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
      });
      return undefined;
    case 'nothing':
      return undefined;
  }
}
