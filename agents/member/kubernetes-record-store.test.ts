import { expect, test } from 'vitest';
import type { KubeClient } from '#lib/kube/client.ts';
import { statusError } from '#lib/kube/errors.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
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
