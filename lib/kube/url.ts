import { invariant } from '#lib/base/invariant.ts';
import { kubeErrors } from './errors.ts';
import type { KubeObject, ResourceType } from './objects.ts';

export interface ResourcePath {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

export type QueryValue = string | number | boolean | undefined;

/** Names that would make the path lead elsewhere: to the collection, or up. */
const impossibleNames: ReadonlySet<string> = new Set(['', '.', '..']);

/**
 * Path and query of a request. Names are encoded, never changed: RBAC names may hold `:` and capital letters.
 * Without a name it is the collection; a namespaced collection without a namespace spans all of them.
 *
 * @throws HK_KUBE_NAME
 */
export function resourceUrl<T extends KubeObject>(
  type: ResourceType<T>,
  { namespace, name, subresource }: ResourcePath,
  query: Readonly<Record<string, QueryValue>> = {},
): string {
  invariant(type.namespaced || namespace === undefined, `${type.plural} are not namespaced`);
  invariant(name === undefined || !type.namespaced || namespace !== undefined, `one of ${type.plural} is named with its namespace`);
  for (const part of [namespace, name]) {
    if (part !== undefined && impossibleNames.has(part)) throw kubeErrors.HK_KUBE_NAME(`${type.kind} '${part}'`);
  }
  const parts = [type.apiVersion.includes('/') ? 'apis' : 'api', ...type.apiVersion.split('/')];
  if (namespace !== undefined) parts.push('namespaces', namespace);
  parts.push(type.plural);
  if (name !== undefined) parts.push(name, ...(subresource === undefined ? [] : subresource.split('/')));
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) params.set(key, String(value));
  const path = parts.map((part) => `/${encodeURIComponent(part)}`).join('');
  return params.size === 0 ? path : `${path}?${params.toString()}`;
}
