import { expect, test } from 'vitest';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { aStoredPair } from '#test/api/stored-pair.ts';
import { decideAuthorityLoss, newAuthorityAnnotation, wordOf } from './authority-loss.ts';
import { keepAuthority } from './authority-secret.ts';
import type { KubeSecret } from './resources.ts';

const named = { name: 'hallkeeper-pair-7-ca', called: 'pair pair-7' };
const traces = { secrets: ['hallkeeper-pair-7-a', 'hallkeeper-pair-7-b'], sample: 'bundle' };
const annotated = (word: string) => aStoredPair({ metadata: { annotations: { [newAuthorityAnnotation]: word } } });

test('who never had an authority gets one', () => {
  expect(decideAuthorityLoss(aStoredPair(), { ...named, traces: undefined })).toBeUndefined();
});

test('a lost one is named, with what it signed, how to restore it, and how to give it up', () => {
  const says = decideAuthorityLoss(aStoredPair(), { ...named, traces });
  for (const part of ['hallkeeper-pair-7-ca is gone', 'hallkeeper-pair-7-a and 1 more', 'restore it', wordOf(traces)]) {
    expect(says).toContain(part);
  }
});

test('the word of one loss allows a new authority, and none at a later loss', () => {
  expect(decideAuthorityLoss(annotated(wordOf(traces)), { ...named, traces })).toBeUndefined();
  expect(decideAuthorityLoss(annotated(wordOf(traces)), { ...named, traces: { ...traces, sample: 'the next' } })).toContain('is gone');
});

test('nothing is created while a loss stands, but a Secret that the cache has missed is no loss', async () => {
  const clock = new SimulatedClock();
  const signal = new AbortController().signal;
  const created: KubeSecret[] = [];
  const client = (found?: KubeSecret) => ({
    find: () => Promise.resolve(found) as never,
    create: (_type: unknown, object: unknown) => {
      created.push(object as KubeSecret);
      return Promise.resolve(object) as never;
    },
    update: (_type: unknown, object: unknown) => Promise.resolve(object) as never,
  });
  const labels = { 'app.kubernetes.io/managed-by': 'hallkeeper', 'hallkeeper.dev/owner-uid': 'u' };
  const wanted = { namespace: 'n', name: 'x-ca', labels };
  await expect(keepAuthority({ ...wanted, loss: 'it is gone' }, undefined, { client: client(), clock }, signal)).rejects.toMatchObject({
    code: 'HK_AUTHORITY_LOST',
  });
  expect(created).toEqual([]);
  const { secret, bundlePem } = await keepAuthority({ ...wanted, loss: undefined }, undefined, { client: client(), clock }, signal);
  expect(created).toHaveLength(1);
  const again = await keepAuthority({ ...wanted, loss: 'it is gone' }, undefined, { client: client(secret), clock }, signal);
  expect(again.bundlePem).toBe(bundlePem);
});
