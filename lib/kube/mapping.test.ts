import { expect, test } from 'vitest';
import { anyOf, annotationsChanged, generationChanged, labelsChanged, mapIndex, mapOwner, mapSelf } from './mapping.ts';
import { defineResource } from './objects.ts';
import { controllerReference, requireOwnable } from './owner.ts';
import { Store } from './store.ts';
import type { StoreChange } from './store.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';

const owners = defineResource<Thing>({ apiVersion: 'test/v1', kind: 'Owner', plural: 'owners', namespaced: true });
const change = (before: Thing | undefined, after: Thing | undefined): StoreChange<Thing> => ({
  key: { namespace: 'hall', name: (after ?? before)?.metadata.name ?? '' },
  before,
  after,
  finalStateKnown: true,
});
const ownedBy = (owner: Thing): Thing => aThing('child', { ownerReferences: [controllerReference(owners, owner)] });

test('an object leads to itself', () => {
  expect([...mapSelf<Thing>()(change(undefined, aThing('a')))]).toEqual([{ namespace: 'hall', name: 'a' }]);
});

test('an object leads to its controller by UID, also when it goes', () => {
  const store = new Store<Thing>({}, () => undefined);
  const owner = aThing('owner');
  const map = mapOwner<Thing, Thing>(owners, store);
  const key = { namespace: 'hall', name: 'owner' };
  expect([...map(change(undefined, ownedBy(owner)))]).toEqual([key]);
  expect([...map(change(ownedBy(owner), undefined))]).toEqual([key]);
  store.put(owner);
  expect([...map(change(undefined, ownedBy(owner)))]).toEqual([key]);
  store.put(aThing('owner', { uid: 'a later namesake' }));
  expect([...map(change(undefined, ownedBy(owner)))]).toEqual([]);
});

test('owners of another kind or group, and owners that do not control, are none of ours', () => {
  const map = mapOwner<Thing, Thing>(owners, new Store<Thing>({}, () => undefined));
  const reference = controllerReference(owners, aThing('owner'));
  for (const other of [{ kind: 'Other' }, { apiVersion: 'other/v1' }, { controller: false }]) {
    expect([...map(change(undefined, aThing('child', { ownerReferences: [{ ...reference, ...other }] })))]).toEqual([]);
  }
  const newer = aThing('child', { ownerReferences: [{ ...reference, apiVersion: 'test/v2' }] });
  expect([...map(change(undefined, newer))]).toHaveLength(1);
});

test('an object leads to those that refer to it, and to those that it referred to before', () => {
  const store = new Store<Thing>({ '.spec.ref': ({ spec }) => [spec?.ref ?? ''] }, () => undefined);
  store.put(aThing('x', { spec: { ref: 'one' } }));
  store.put(aThing('y', { spec: { ref: 'two' } }));
  const map = mapIndex<Thing, Thing>(store, '.spec.ref', ({ spec }) => [spec?.text ?? '']);
  const keys = [...map(change(aThing('a', { spec: { text: 'one' } }), aThing('a', { spec: { text: 'two' } })))];
  expect(keys.map(({ name }) => name)).toEqual(['x', 'y']);
});

test('predicates look at what they are named after', () => {
  const before = aThing('a', { generation: 1, labels: { x: '1' } });
  const later = (metadata: Partial<Thing['metadata']>): StoreChange<Thing> =>
    change(before, { ...before, metadata: { ...before.metadata, resourceVersion: '2', ...metadata } });
  const rows = [
    [generationChanged<Thing>(), later({}), false],
    [generationChanged<Thing>(), later({ generation: 2 }), true],
    [generationChanged<Thing>(), later({ uid: 'other' }), true],
    [generationChanged<Thing>(), change(undefined, before), true],
    [generationChanged<Thing>(), change(before, undefined), true],
    [generationChanged<Thing>(), change(aThing('a'), aThing('a', { resourceVersion: '2' })), true],
    [labelsChanged<Thing>(), later({ generation: 2 }), false],
    [labelsChanged<Thing>(), later({ labels: { x: '2' } }), true],
    [annotationsChanged<Thing>(), later({ annotations: { y: '1' } }), true],
    [anyOf<Thing>(labelsChanged(), annotationsChanged()), later({ annotations: { y: '1' } }), true],
    [anyOf<Thing>(labelsChanged(), annotationsChanged()), later({ generation: 2 }), false],
  ] as const;
  expect(rows.map(([predicate, seen]) => predicate(seen))).toEqual(rows.map(([, , passes]) => passes));
});

test('what another controller owns is not taken over', () => {
  const owner = aThing('owner');
  expect(() => requireOwnable(owners, owner, aThing('free'))).not.toThrow();
  expect(() => requireOwnable(owners, owner, ownedBy(owner))).not.toThrow();
  expect(() => requireOwnable(owners, aThing('rival'), ownedBy(owner))).toThrow('Thing child belongs to Owner owner');
  expect(() => requireOwnable(owners, owner, aThing('far', { namespace: 'elsewhere' }))).toThrow('stands in the namespace');
});
