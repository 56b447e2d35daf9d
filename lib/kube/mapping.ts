import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ObjectKey, ResourceType } from './objects.ts';
import { keyOf } from './objects.ts';
import { controllerOf } from './owner.ts';
import type { ReadableStore, StoreChange } from './store.ts';

/** Which keys a change makes a controller look at. */
export type Mapping<T extends KubeObject> = (change: StoreChange<T>) => Iterable<ObjectKey>;

/** Whether a change is worth looking at. */
export type Predicate<T extends KubeObject> = (change: StoreChange<T>) => boolean;

/** The object itself. */
export function mapSelf<T extends KubeObject>(): Mapping<T> {
  return ({ key }) => [key];
}

/** The object of this type that controls it, by UID: one of the same name that came later does not own what its namesake left. */
export function mapOwner<T extends KubeObject, O extends KubeObject>(ownerType: ResourceType<O>, owners: ReadableStore<O>): Mapping<T> {
  const group = groupOf(ownerType.apiVersion);
  return ({ before, after }) =>
    both(before, after).flatMap((object) => {
      const owner = controllerOf(object);
      if (owner === undefined || owner.kind !== ownerType.kind || groupOf(owner.apiVersion) !== group) return [];
      const { namespace } = object.metadata;
      const key = ownerType.namespaced ? { namespace, name: owner.name } : { name: owner.name };
      const known = owners.get(key);
      return known !== undefined && known.metadata.uid !== owner.uid ? [] : [key];
    });
}

/** Every object of another store whose index holds a value that the change names, before or after. */
export function mapIndex<T extends KubeObject, R extends KubeObject>(
  store: ReadableStore<R>,
  index: string,
  valuesOf: (object: T) => readonly string[],
): Mapping<T> {
  return ({ before, after }) =>
    both(before, after)
      .flatMap(valuesOf)
      .flatMap((value) => store.byIndex(index, value).map(keyOf));
}

/** The spec changed, or deletion began. Objects whose resource counts no generations always pass. */
export function generationChanged<T extends KubeObject>(): Predicate<T> {
  const counted = differs<T>((object) => object.metadata.generation);
  return (change) =>
    change.after?.metadata.generation === undefined || change.before?.metadata.uid !== change.after.metadata.uid || counted(change);
}

export function labelsChanged<T extends KubeObject>(): Predicate<T> {
  return differs((object) => object.metadata.labels);
}

export function annotationsChanged<T extends KubeObject>(): Predicate<T> {
  return differs((object) => object.metadata.annotations);
}

/** The chosen part of the object changed, or the object came or went. */
export function differs<T extends KubeObject>(part: (object: T) => unknown): Predicate<T> {
  return ({ before, after }) => before === undefined || after === undefined || !isDeepStrictEqual(part(before), part(after));
}

export function anyOf<T extends KubeObject>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return (change) => predicates.some((predicate) => predicate(change));
}

function both<T>(before: T | undefined, after: T | undefined): readonly T[] {
  return [before, after].filter((object) => object !== undefined);
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
