import { holds } from '#lib/kube/apply.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { KubeObject, ResourceType } from '#lib/kube/objects.ts';
import { operatorErrors } from './errors.ts';
import { hasSameOwner } from './labels.ts';

/** What happened to the object. `kept`: it was as wanted, and nothing was written. */
export interface Kept<T extends KubeObject> {
  readonly did: 'create' | 'update' | 'kept';
  readonly object: T;
}

/**
 * Brings an object that is wholly ours to the wanted content. It is created, or replaced with the resourceVersion that was read, so
 * that nobody's newer content is overwritten; an object of the same name that was made by somebody else, or for an earlier owner of
 * the same name, is refused.
 *
 * @param desired  With the labels of `ownedLabels`. Labels, annotations and `spec` are laid over what is there; everything else given
 *                 replaces it.
 * @param seen     From the cache. Absent: created, and read from the server when it exists after all.
 * @throws HK_OBJECT_FOREIGN, HK_OBJECT_DELETING, and HK_KUBE_CONFLICT when it changed meanwhile: look again.
 */
export async function keepObject<T extends KubeObject>(
  type: ResourceType<T>,
  desired: T,
  seen: T | undefined,
  client: Pick<KubeClient, 'create' | 'update' | 'get'>,
  signal: AbortSignal,
): Promise<Kept<T>> {
  if (seen === undefined) {
    try {
      return { did: 'create', object: await client.create(type, desired, signal) };
    } catch (error) {
      if (!isKubeError(error, 'HK_KUBE_EXISTS')) throw error;
    }
    return keepObject(type, desired, await client.get(type, keyOf(desired), signal), client, signal);
  }
  const { kind } = type;
  const { name, deletionTimestamp } = seen.metadata;
  if (!hasSameOwner(seen, desired)) throw operatorErrors.HK_OBJECT_FOREIGN(`${kind} ${name}; delete or rename it`);
  if (deletionTimestamp !== undefined) throw operatorErrors.HK_OBJECT_DELETING(`${kind} ${name}`);
  const next = overlay(seen, desired);
  if (holds(seen, next)) return { did: 'kept', object: seen };
  return { did: 'update', object: await client.update(type, next, signal) };
}

function overlay<T extends KubeObject>(seen: T, desired: T): T {
  const spec = 'spec' in desired && 'spec' in seen ? { spec: { ...(seen.spec as object), ...(desired.spec as object) } } : {};
  const { labels, annotations, ...metadata } = seen.metadata;
  return {
    ...seen,
    ...desired,
    ...spec,
    metadata: {
      ...metadata,
      labels: { ...labels, ...desired.metadata.labels },
      ...(annotations === undefined && desired.metadata.annotations === undefined
        ? {}
        : { annotations: { ...annotations, ...desired.metadata.annotations } }),
    },
  };
}
