import { expect, test } from 'vitest';
import type { JsonPatchOperation, PatchBody } from './client.ts';
import { statusError } from './errors.ts';
import { addFinalizerPatch, decideFinalizer, removeFinalizerPatch, withFinalizer } from './finalizer.ts';
import { defineResource } from './objects.ts';
import type { KubeObject, ObjectKey } from './objects.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';

const ours = 'hallkeeper.dev/outside';
const things = defineResource<Thing>({ apiVersion: 'test/v1', kind: 'Thing', plural: 'things', namespaced: true });
const deletionTimestamp = '2026-01-02T03:04:05Z';
const { signal } = new AbortController();

const decisions = [
  ['a new object gets it', {}, 'add'],
  ['an object with it is reconciled', { finalizers: ['other/x', ours] }, 'reconcile'],
  ['a deleted object with it is cleaned up', { finalizers: [ours], deletionTimestamp }, 'cleanup'],
  ['a deleted object without it is left alone', { finalizers: ['other/x'], deletionTimestamp }, 'nothing'],
] as const;

for (const [behaviour, metadata, decision] of decisions) {
  test(behaviour, () => expect(decideFinalizer(aThing('a', metadata), ours)).toBe(decision));
}

test('every patch tests what it was computed from', () => {
  const uid: JsonPatchOperation = { op: 'test', path: '/metadata/uid', value: 'uid-a' };
  expect(addFinalizerPatch(aThing('a'), ours)).toEqual([
    uid,
    { op: 'test', path: '/metadata/finalizers', value: null },
    { op: 'add', path: '/metadata/finalizers', value: [ours] },
  ]);
  expect(addFinalizerPatch(aThing('a', { finalizers: ['other/x'] }), ours)).toEqual([
    uid,
    { op: 'test', path: '/metadata/finalizers', value: ['other/x'] },
    { op: 'add', path: '/metadata/finalizers/-', value: ours },
  ]);
  expect(removeFinalizerPatch(aThing('a', { finalizers: ['other/x', ours] }), ours)).toEqual([
    uid,
    { op: 'test', path: '/metadata/finalizers/1', value: ours },
    { op: 'remove', path: '/metadata/finalizers/1' },
  ]);
});

/** Runs the shell around a scripted patch; tells what was called in order. */
async function run(
  object: Thing,
  answer: Error | undefined,
  cleanup: () => Promise<void> = async () => undefined,
): Promise<readonly string[]> {
  const calls: string[] = [];
  const client = {
    patch: async <T extends KubeObject>(_type: unknown, _key: ObjectKey, body: PatchBody): Promise<T> => {
      calls.push(`patch ${body.type === 'json' ? (body.operations.at(-1)?.op ?? '') : 'merge'}`);
      if (answer !== undefined) throw answer;
      return object as KubeObject as T;
    },
  };
  const work = {
    type: things,
    finalizer: ours,
    reconcile: async () => void calls.push('reconcile'),
    cleanup: async () => {
      calls.push('cleanup');
      await cleanup();
    },
  };
  try {
    await withFinalizer(object, work, client, signal);
  } catch (error) {
    calls.push((error as { code?: string }).code ?? String(error));
  }
  return calls;
}

const label = { verb: 'patch', resource: 'things', target: 'hall/a', confidential: false };
const gone = statusError(label, 404, { code: 404, reason: 'NotFound' });
const changed = statusError(label, 409, { code: 409, reason: 'Conflict' });
const deleted = aThing('a', { finalizers: [ours], deletionTimestamp });

test('it is put on first, and the work waits for the next run', async () => {
  expect(await run(aThing('a'), undefined)).toEqual(['patch add']);
});

test('only a successful cleanup takes it off', async () => {
  expect(await run(deleted, undefined)).toEqual(['cleanup', 'patch remove']);
  expect(await run(deleted, undefined, () => Promise.reject(new Error('dns is down')))).toEqual(['cleanup', 'Error: dns is down']);
});

test('finalizers that are not those that were read mean look again; a missing object means done', async () => {
  expect(await run(deleted, changed)).toEqual(['cleanup', 'patch remove', 'HK_KUBE_CONFLICT']);
  expect(await run(deleted, gone)).toEqual(['cleanup', 'patch remove']);
  expect(await run(aThing('a'), gone)).toEqual(['patch add', 'HK_KUBE_NOT_FOUND']);
});
