import { expect, test } from 'vitest';
import { Applier, holds } from './apply.ts';
import type { ApplyOptions } from './client.ts';
import { defineResource } from './objects.ts';
import type { KubeObject } from './objects.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';

const things = defineResource<Thing>({ apiVersion: 'test/v1', kind: 'Thing', plural: 'things', namespaced: true });
const { signal } = new AbortController();

const comparisons = [
  ['more in a mapping', { a: 1, b: 2 }, { a: 1 }, true],
  ['less in a mapping', { a: 1 }, { a: 1, b: 2 }, false],
  ['another value', { a: 1 }, { a: 2 }, false],
  ['an undefined wish', { a: 1 }, { a: 1, b: undefined }, true],
  ['more inside an entry of a list', { l: [{ n: 1, d: 0 }] }, { l: [{ n: 1 }] }, true],
  ['one more entry in a list', { l: [1, 2] }, { l: [1] }, false],
  ['a list in place of a mapping', { a: [] }, { a: {} }, false],
  ['nothing in place of a mapping', {}, { a: {} }, false],
] as const;

for (const [what, seen, wanted, expected] of comparisons) {
  test(`${what} ${expected ? 'is what we want' : 'needs a request'}`, () => expect(holds(seen, wanted)).toBe(expected));
}

function recordingApplier(): {
  readonly applier: Applier;
  readonly sent: { readonly object: KubeObject; readonly options: ApplyOptions }[];
} {
  const sent: { readonly object: KubeObject; readonly options: ApplyOptions }[] = [];
  const client = {
    apply: async <T extends KubeObject>(_type: unknown, object: KubeObject, options: ApplyOptions): Promise<T> => {
      sent.push({ object, options });
      return object as T;
    },
  };
  return { applier: new Applier({ client, fieldManager: 'ours' }), sent };
}

const wish = (spec: Thing['spec']): Thing => ({ metadata: { namespace: 'hall', name: 'a' }, ...(spec === undefined ? {} : { spec }) });

test('the same wish is sent once, and again when the object no longer holds it', async () => {
  const { applier, sent } = recordingApplier();
  const desired = wish({ text: 'x' });
  const seen = aThing('a', { spec: { text: 'x', ref: 'theirs' } });
  await applier.apply(things, desired, undefined, signal);
  expect(await applier.apply(things, desired, seen, signal)).toBe(seen);
  expect(sent).toHaveLength(1);
  await applier.apply(things, desired, aThing('a', { spec: { text: 'spoilt' } }), signal);
  await applier.apply(things, desired, undefined, signal);
  expect(sent).toHaveLength(3);
  expect(sent[0]?.options).toEqual({ fieldManager: 'ours', force: true });
});

test('a new process asks once, because it cannot know what it owned before', async () => {
  const { applier, sent } = recordingApplier();
  await applier.apply(things, wish({ text: 'x' }), aThing('a', { spec: { text: 'x' } }), signal);
  expect(sent).toHaveLength(1);
});

test('a field that is given up is sent, although the object holds all the rest', async () => {
  const { applier, sent } = recordingApplier();
  const seen = aThing('a', { spec: { text: 'x', ref: 'y' } });
  await applier.apply(things, wish({ text: 'x', ref: 'y' }), undefined, signal);
  await applier.apply(things, wish({ text: 'x' }), seen, signal);
  expect(sent).toHaveLength(2);
});

test('a status goes under a manager of its own, bound to the very object', async () => {
  const { applier, sent } = recordingApplier();
  const seen = { ...aThing('a'), status: { ready: true } };
  await applier.applyStatus(things, seen, { ready: true }, signal);
  await applier.applyStatus(things, seen, { ready: true }, signal);
  expect(sent).toEqual([
    {
      object: { metadata: { namespace: 'hall', name: 'a', uid: 'uid-a' }, status: { ready: true } },
      options: { fieldManager: 'ours-status', force: true, subresource: 'status' },
    },
  ]);
});

test('a wish that failed is not taken for granted', async () => {
  let fail = false;
  const sent: KubeObject[] = [];
  const client = {
    apply: async <T extends KubeObject>(_type: unknown, object: KubeObject): Promise<T> => {
      sent.push(object);
      if (fail) throw new Error('refused');
      return object as T;
    },
  };
  const applier = new Applier({ client, fieldManager: 'ours' });
  const seen = aThing('a', { spec: { text: 'x' } });
  await applier.apply(things, wish({ text: 'x' }), undefined, signal);
  fail = true;
  await expect(applier.apply(things, wish({}), seen, signal)).rejects.toThrow('refused');
  fail = false;
  await applier.apply(things, wish({ text: 'x' }), seen, signal);
  expect(sent).toHaveLength(3);
});
