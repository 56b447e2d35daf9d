import { invariant, InvariantBroken } from '#lib/base/invariant.ts';
import { keyOf, keyText } from './objects.ts';
import type { KubeObject, ObjectKey } from './objects.ts';

/** One object came, changed or went. `before` and `after` are never both absent. */
export interface StoreChange<T extends KubeObject> {
  readonly key: ObjectKey;
  readonly before: T | undefined;
  readonly after: T | undefined;
  /** False when an object was found missing in a list: `before` is then the last we saw, not the last there was. */
  readonly finalStateKnown: boolean;
}

/** Synchronous and quick: it marks work, it does none. */
export type StoreListener<T extends KubeObject> = (change: StoreChange<T>) => void;

/** The values under which an object is found; none when it does not belong to the index. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

/** What controllers see: objects as they were on the server a moment ago. Never changed by a reader. */
export interface ReadableStore<T extends KubeObject> {
  readonly size: number;
  get(key: ObjectKey): T | undefined;
  /** All objects, or those of one namespace, in no order. */
  list(namespace?: string): readonly T[];
  /** The objects with this value of an index that was declared when the store was made. */
  byIndex(index: string, value: string): readonly T[];
}

/** Objects of one resource by key, with indexes kept in the same step. */
export class Store<T extends KubeObject> implements ReadableStore<T> {
  readonly #objects = new Map<string, T>();
  readonly #functions: Readonly<Record<string, IndexFunction<T>>>;
  /** Index name, then value, then keys. */
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #listeners = new Set<StoreListener<T>>();
  readonly #onListenerError: (error: unknown) => void;

  /** @param onListenerError  Told what a listener threw; the store and the other listeners go on. */
  constructor(indexes: Readonly<Record<string, IndexFunction<T>>>, onListenerError: (error: unknown) => void) {
    this.#functions = indexes;
    this.#onListenerError = onListenerError;
    for (const name of Object.keys(indexes)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(keyText(key));
  }

  list(namespace?: string): readonly T[] {
    const all = [...this.#objects.values()];
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  byIndex(index: string, value: string): readonly T[] {
    const values = this.#indexes.get(index);
    invariant(values !== undefined, `the index ${index} was declared`);
    return [...(values.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Hears of every change from now on. Returns how to stop. */
  listen(listener: StoreListener<T>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells one listener of everything there is, as if it had just come. */
  replay(listener: StoreListener<T>): void {
    for (const object of this.#objects.values()) {
      this.#tell(listener, { key: keyOf(object), before: undefined, after: object, finalStateKnown: true });
    }
  }

  put(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(keyText(key));
    if (before !== undefined && isSame(before, object)) return;
    this.#set(keyText(key), before, object);
    this.#announce({ key, before, after: object, finalStateKnown: true });
  }

  /** @param last  The object as it was when it went. */
  remove(last: T): void {
    const key = keyOf(last);
    const before = this.#objects.get(keyText(key));
    if (before === undefined) return;
    this.#set(keyText(key), before, undefined);
    this.#announce({ key, before: last, after: undefined, finalStateKnown: true });
  }

  /** Takes a complete list: what it lacks is gone. Readers see the old content or the new, never a mixture. */
  replace(objects: readonly T[]): void {
    const next = new Map(objects.map((object) => [keyText(keyOf(object)), object]));
    const changes: StoreChange<T>[] = [];
    for (const [text, before] of this.#objects) {
      if (!next.has(text)) changes.push({ key: keyOf(before), before, after: undefined, finalStateKnown: false });
    }
    for (const [text, after] of next) {
      const before = this.#objects.get(text);
      if (before === undefined || !isSame(before, after)) changes.push({ key: keyOf(after), before, after, finalStateKnown: true });
    }
    for (const { key, before, after } of changes) this.#set(keyText(key), before, after);
    for (const change of changes) this.#announce(change);
  }

  #set(text: string, before: T | undefined, after: T | undefined): void {
    for (const [name, indexed] of Object.entries(this.#functions)) {
      const values = this.#indexes.get(name) ?? new Map<string, Set<string>>();
      for (const value of before === undefined ? [] : indexed(before)) {
        const keys = values.get(value);
        keys?.delete(text);
        if (keys?.size === 0) values.delete(value);
      }
      for (const value of after === undefined ? [] : indexed(after)) {
        const keys = values.get(value) ?? new Set();
        values.set(value, keys.add(text));
      }
    }
    if (after === undefined) this.#objects.delete(text);
    else this.#objects.set(text, after);
  }

  #announce(change: StoreChange<T>): void {
    for (const listener of this.#listeners) this.#tell(listener, change);
  }

  #tell(listener: StoreListener<T>, change: StoreChange<T>): void {
    try {
      listener(change);
    } catch (error) {
      if (error instanceof InvariantBroken) throw error;
      this.#onListenerError(error);
    }
  }
}

/** Versions are opaque, but equal ones of one object mean equal content. */
function isSame(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** The object without what only costs memory: often half of it. */
export function trimObject<T extends KubeObject>(object: T): T {
  const { managedFields: _, annotations, ...metadata } = object.metadata;
  if (annotations === undefined) return { ...object, metadata };
  const { [lastApplied]: __, ...kept } = annotations;
  return { ...object, metadata: { ...metadata, annotations: kept } };
}
