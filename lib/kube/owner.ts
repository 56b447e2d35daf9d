import { invariant } from '#lib/base/invariant.ts';
import type { KubeObject, OwnerReference, ResourceType } from './objects.ts';
import { runtimeErrors } from './runtime-errors.ts';

/** The reference by which `owner` controls another object: deleted with it, and not before it. */
export function controllerReference<T extends KubeObject>(type: ResourceType<T>, owner: T): OwnerReference {
  const { name, uid } = owner.metadata;
  invariant(uid !== undefined, `an owner exists on the server: ${name}`);
  return { apiVersion: type.apiVersion, kind: type.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/**
 * Refuses to take over what another controller owns, and an owner that the object cannot have.
 *
 * @throws HK_OWNED_BY_OTHER
 */
export function requireOwnable<T extends KubeObject>(type: ResourceType<T>, owner: T, object: KubeObject): void {
  invariant(
    !type.namespaced || owner.metadata.namespace === object.metadata.namespace,
    `an owner stands in the namespace of what it owns, or in none: ${object.metadata.name}`,
  );
  const current = controllerOf(object);
  if (current === undefined || current.uid === owner.metadata.uid) return;
  throw runtimeErrors.HK_OWNED_BY_OTHER(`${object.kind ?? 'object'} ${object.metadata.name} belongs to ${current.kind} ${current.name}`);
}
