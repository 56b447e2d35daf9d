import type { KubeCaches } from '#lib/kube/caches.ts';
import type { KubeObject, ObjectKey, ResourceType } from '#lib/kube/objects.ts';
import type { Reflector } from '#lib/kube/reflector.ts';
import type { IndexFunction, ReadableStore } from '#lib/kube/store.ts';

interface FollowOptions<T extends KubeObject> {
  readonly labelSelector?: string;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
}

/** One resource as the operator sees it: in all namespaces, or in those of its settings, one reflector each. */
export class Followed<T extends KubeObject> implements ReadableStore<T> {
  readonly type: ResourceType<T>;
  readonly reflectors: readonly Reflector<T>[];
  readonly #namespaces: readonly string[];

  /** @param namespaces  Empty: all. */
  constructor(caches: KubeCaches, namespaces: readonly string[], type: ResourceType<T>, options: FollowOptions<T> = {}) {
    this.type = type;
    this.#namespaces = namespaces;
    this.reflectors =
      namespaces.length === 0
        ? [caches.reflect({ type, ...options })]
        : namespaces.map((namespace) => caches.reflect({ type, namespace, ...options }));
  }

  /** Whether objects of this namespace are here; those of the others may exist all the same. */
  follows(namespace: string): boolean {
    return this.#namespaces.length === 0 || this.#namespaces.includes(namespace);
  }

  get size(): number {
    return this.reflectors.reduce((sum, { store }) => sum + store.size, 0);
  }

  get(key: ObjectKey): T | undefined {
    for (const { store } of this.reflectors) {
      const found = store.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  list(namespace?: string): readonly T[] {
    return this.reflectors.flatMap(({ store }) => store.list(namespace));
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.reflectors.flatMap(({ store }) => store.byIndex(index, value));
  }
}
