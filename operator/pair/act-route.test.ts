import { beforeEach, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import { statusError } from '#lib/kube/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import type { KubeObject, ObjectKey, ResourceType } from '#lib/kube/objects.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { Nudge } from '../nudge.ts';
import { FilledCaches } from '../testing/stores.ts';
import { aSlice } from '../testing/views.ts';
import { followRoute, serviceOf } from './act-route.ts';
import { Observations } from './observations.ts';

const ports = [{ name: 'hall', port: 443, targetPort: 7443 }];
const pair = aStoredPair({ spec: { service: { name: 'north', ports } } });
const earlier = aStoredPair({ metadata: { uid: 'earlier' }, spec: { service: { name: 'north', ports } } });
const { uid } = pair.metadata;

/** An API server that holds nothing but what is said, and writes down what is asked of it. */
class Asked {
  readonly caches = new FilledCaches();
  readonly observations = new Observations();
  readonly calls: string[] = [];
  /** Somebody else's objects, by name. */
  readonly foreign = new Set<string>();
  refusal: Error | undefined;

  look(wanted: FailoverPair = pair): ReturnType<ReturnType<typeof followRoute>> {
    this.caches.pairs.see(wanted);
    const { caches, observations } = this;
    const follow = followRoute({ client: this.#client(), caches: caches.caches, observations, observed: new Nudge() });
    return follow({ namespace: 'hall-7', name: 'pair-7' }, { signal: new AbortController().signal, log: silentLog });
  }

  #client(): KubeClient {
    const note = (verb: string, type: ResourceType<KubeObject>, { name }: ObjectKey): void => {
      this.calls.push(`${verb} ${type.kind} ${name}`);
      if (this.refusal !== undefined) throw this.refusal;
    };
    return {
      create: async (type: ResourceType<KubeObject>, object: KubeObject) => {
        const { name } = object.metadata;
        const label = { verb: 'create', resource: type.plural, target: name, confidential: false };
        if (this.foreign.has(name)) throw statusError(label, 409, { code: 409, reason: 'AlreadyExists' });
        note('create', type, object.metadata);
        return Promise.resolve(object);
      },
      get: (_type: unknown, { name }: ObjectKey) => Promise.resolve({ metadata: { name, namespace: 'hall-7' } }),
      update: async (type: ResourceType<KubeObject>, object: KubeObject) => Promise.resolve(note('update', type, object.metadata)),
      delete: async (type: ResourceType<KubeObject>, key: ObjectKey) => Promise.resolve(note('delete', type, key)),
    } as unknown as KubeClient;
  }
}

let asked: Asked;
beforeEach(() => {
  asked = new Asked();
  asked.caches.pairRecords.see(aStoredRecord());
});

test('the first time the Service comes before the slice, so that we lead nobody else’s clients', async () => {
  await asked.look();
  expect(asked.calls).toEqual(['create Service north', 'create EndpointSlice north-hallkeeper']);
});

test('a failover moves the slice before anything else', async () => {
  asked.caches.services.see({ ...serviceOf(pair), spec: { ports: [] } });
  asked.caches.endpointSlices.see(aSlice(pair, '10.20.0.12', 2));
  await asked.look();
  expect(asked.calls).toEqual(['update EndpointSlice north-hallkeeper', 'update Service north']);
});

test('a slice that takes the other family of addresses is made anew', async () => {
  asked.caches.services.see(serviceOf(pair));
  asked.caches.endpointSlices.see({ ...aSlice(pair, 'fd00::12', 2), addressType: 'IPv6' });
  await asked.look();
  expect(asked.calls).toEqual(['delete EndpointSlice north-hallkeeper', 'create EndpointSlice north-hallkeeper']);
});

test('a Service of somebody else gets no slice, and loses the one that it has from us', async () => {
  asked.foreign.add('north');
  expect(await asked.look()).toEqual({ requeueAfterMs: 30_000 });
  expect(asked.calls).toEqual([]);
  expect(asked.observations.of(uid).routeProblem).toMatchObject({ reason: 'ObjectForeign' });
  asked.caches.endpointSlices.see(aSlice(pair, '10.20.0.11', 3));
  await asked.look();
  expect(asked.calls).toEqual(['delete EndpointSlice north-hallkeeper']);
});

test('a slice of somebody else is told, and left alone', async () => {
  asked.foreign.add('north-hallkeeper');
  await asked.look();
  expect(asked.calls).toEqual(['create Service north']);
  expect(asked.observations.of(uid).routeProblem?.message).toContain('EndpointSlice north-hallkeeper');
});

for (const [behaviour, next, made] of [
  ['removed from the spec', aStoredPair(), []],
  [
    'renamed',
    aStoredPair({ spec: { service: { name: 'south', ports } } }),
    ['create Service south', 'create EndpointSlice south-hallkeeper'],
  ],
] as const) {
  test(`a Service that was ${behaviour} goes, and its slice first`, async () => {
    asked.caches.services.see(serviceOf(pair));
    asked.caches.endpointSlices.see(aSlice(pair, '10.20.0.11', 3));
    await asked.look(next);
    expect(asked.calls).toEqual([...made, 'delete EndpointSlice north-hallkeeper', 'delete Service north']);
  });
}

test('what an earlier pair of the name left is neither led by nor taken away', async () => {
  asked.caches.pairRecords.see(aStoredRecord({ epoch: 9 }, { 'hallkeeper.dev/owner-uid': 'earlier' }));
  asked.caches.services.see({ ...serviceOf(earlier), metadata: { ...serviceOf(earlier).metadata, name: 'old' } });
  await asked.look();
  expect(asked.calls).toEqual(['create Service north']);
});

test('what the API server refuses is told, but not that it was away for a moment', async () => {
  const label = { verb: 'create', resource: 'services', target: 'north', confidential: false };
  const busy = statusError(label, 429, { code: 429, reason: 'TooManyRequests' });
  const refusal = statusError(label, 403, { code: 403, reason: 'Forbidden', message: 'exceeded quota' });
  for (const [error, reason] of [
    [busy, undefined],
    [refusal, 'NotApplied'],
  ] as const) {
    asked.refusal = error;
    await expect(asked.look()).rejects.toBe(error);
    expect(asked.observations.of(uid).routeProblem?.reason).toBe(reason);
  }
  expect(asked.observations.of(uid).routeProblem?.message).toContain('exceeded quota');
  asked.refusal = undefined;
  await asked.look();
  expect(asked.observations.of(uid).routeProblem).toBeUndefined();
});
