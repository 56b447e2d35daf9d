import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Store, trimObject } from './store.ts';
import type { StoreChange } from './store.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';

const byRef = '.spec.ref';
const indexes = { [byRef]: ({ spec }: Thing) => (spec?.ref === undefined ? [] : [spec.ref]) };

function openStore(): { readonly store: Store<Thing>; readonly changes: StoreChange<Thing>[]; readonly errors: unknown[] } {
  const errors: unknown[] = [];
  const changes: StoreChange<Thing>[] = [];
  const store = new Store<Thing>(indexes, (error) => void errors.push(error));
  store.listen((change) => void changes.push(change));
  return { store, changes, errors };
}

test('a list replaces everything, and what it lacks is gone with its last known state', () => {
  const { store, changes } = openStore();
  const [kept, changed, gone, added] = [aThing('kept'), aThing('changed'), aThing('gone'), aThing('added')];
  const changedNow = aThing('changed', { resourceVersion: '2' });
  store.replace([kept, changed, gone]);
  changes.length = 0;
  store.replace([kept, changedNow, added]);
  expect(changes).toEqual([
    { key: { namespace: 'hall', name: 'gone' }, before: gone, after: undefined, finalStateKnown: false },
    { key: { namespace: 'hall', name: 'changed' }, before: changed, after: changedNow, finalStateKnown: true },
    { key: { namespace: 'hall', name: 'added' }, before: undefined, after: added, finalStateKnown: true },
  ]);
});

test('readers in the middle of a replacement see the new content only', () => {
  const { store } = openStore();
  store.replace([aThing('a', { spec: { ref: 'x' } })]);
  const seen: unknown[] = [];
  store.listen(() => void seen.push([store.size, store.byIndex(byRef, 'x').length, store.byIndex(byRef, 'y').length]));
  store.replace([aThing('b', { spec: { ref: 'y' } }), aThing('c', { spec: { ref: 'y' } })]);
  expect(seen).toEqual([
    [2, 0, 2],
    [2, 0, 2],
    [2, 0, 2],
  ]);
});

test('the same version again is no change; a namesake with another UID is', () => {
  const { store, changes } = openStore();
  store.put(aThing('a'));
  store.put(aThing('a'));
  store.replace([aThing('a')]);
  expect(changes).toHaveLength(1);
  store.put(aThing('a', { uid: 'other' }));
  expect(changes.at(-1)).toMatchObject({ before: { metadata: { uid: 'uid-a' } }, after: { metadata: { uid: 'other' } } });
});

test('a listener that throws harms neither the store nor the others', () => {
  const { store, changes, errors } = openStore();
  const error = new Error('listener');
  store.listen(() => {
    throw error;
  });
  store.put(aThing('a'));
  store.put(aThing('b'));
  expect([store.size, changes.length, errors]).toEqual([2, 2, [error, error]]);
});

test('a late listener is told what is there already, a former one nothing more', () => {
  const { store } = openStore();
  store.put(aThing('a'));
  const told: string[] = [];
  const listener = ({ key }: StoreChange<Thing>): void => void told.push(key.name);
  const stop = store.listen(listener);
  store.replay(listener);
  store.put(aThing('b'));
  stop();
  store.put(aThing('c'));
  expect(told).toEqual(['a', 'b']);
});

test('an index that nobody declared is a bug of ours', () => {
  expect(() => openStore().store.byIndex('.spec.text', 'x')).toThrow('the index .spec.text was declared');
});

test('an object is stored without what only costs memory', () => {
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', kept: 'yes' };
  const trimmed = trimObject(aThing('a', { managedFields: [{}], annotations }));
  expect(trimmed).toEqual(aThing('a', { annotations: { kept: 'yes' } }));
});

test('whatever happens, an index finds exactly what a search through everything finds', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const thing = fc
    .tuple(name, fc.constantFrom('x', 'y', undefined), fc.nat(3))
    .map(([id, ref, version]) => aThing(id, { resourceVersion: String(version), spec: ref === undefined ? {} : { ref } }));
  const step = fc.oneof(
    fc.record({ do: fc.constant('put' as const), thing }),
    fc.record({ do: fc.constant('remove' as const), thing }),
    fc.record({ do: fc.constant('replace' as const), things: fc.uniqueArray(thing, { selector: ({ metadata }) => metadata.name }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
      const { store } = openStore();
      for (const next of steps) {
        if (next.do === 'put') store.put(next.thing);
        else if (next.do === 'remove') store.remove(next.thing);
        else store.replace(next.things);
        for (const ref of ['x', 'y']) {
          expect(new Set(store.byIndex(byRef, ref))).toEqual(new Set(store.list('hall').filter(({ spec }) => spec?.ref === ref)));
        }
      }
    }),
  );
});
