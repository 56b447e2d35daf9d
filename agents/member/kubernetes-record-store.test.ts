import { expect, test } from 'vitest';
import type { KubeClient } from '#lib/kube/client.ts';
import { statusError } from '#lib/kube/errors.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { admit, claim, found, newRecord } from '#lib/pair/pair-record.ts';
import { KubernetesRecordStore } from './kubernetes-record-store.ts';

const label = { verb: 'get', resource: 'pairrecords', target: 'hall/pair', confidential: false };
const { signal } = new AbortController();

const answers = [
  ['the API server says that there is no record', 404, { code: 404, reason: 'NotFound' }, { kind: 'absent' }],
  ['a proxy knows no such page', 404, '404 page not found', { kind: 'failed', carriedOut: 'no' }],
  ['the API server does not know the kind', 404, { code: 404, reason: '' }, { kind: 'failed', carriedOut: 'no' }],
  ['the API server is busy', 429, { code: 429, reason: 'TooManyRequests' }, { kind: 'failed', carriedOut: 'no' }],
] as const;

for (const [what, status, body, answer] of answers) {
  test(`${what}: ${answer.kind}`, async () => {
    const client = { get: () => Promise.reject(statusError(label, status, body)) } as unknown as KubeClient;
    const store = new KubernetesRecordStore(() => client, { namespace: 'hall', name: 'pair' }, ['a', 'b'], new SimulatedClock());
    expect(await store.read(signal)).toMatchObject(answer);
  });
}

test('a definition that does not know the place of a claim gets the claim without it', async () => {
  const asked: unknown[] = [];
  const by = (author: string): { author: string; reason: string } => ({ author, reason: 'test' });
  const sync = admit(found(newRecord, by('a')), by('a'));
  const unknownField = statusError(label, 400, { code: 400, reason: 'BadRequest', message: 'unknown field "spec.acknowledged"' });
  const client = {
    update: (_: unknown, object: { readonly spec: { readonly acknowledged?: unknown } }) => {
      asked.push(object.spec.acknowledged);
      if (object.spec.acknowledged !== undefined) return Promise.reject(unknownField);
      return Promise.resolve({ ...object, metadata: { name: 'pair', resourceVersion: '8' } });
    },
  } as unknown as KubeClient;
  const store = new KubernetesRecordStore(() => client, { namespace: 'hall', name: 'pair' }, ['a', 'b'], new SimulatedClock());
  const next = claim(sync, by('b'), { timeline: 1, lsn: 0x300_0148n });
  const answer = await store.swap({ record: sync, version: '7' }, next, signal);
  expect(asked).toEqual([{ timeline: 1, lsn: '0/3000148' }, undefined]);
  expect(answer).toMatchObject({ kind: 'won', seen: { record: { mode: 'claim', primary: 'b' }, version: '8' } });
});
