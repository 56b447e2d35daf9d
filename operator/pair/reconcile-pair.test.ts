import { beforeEach, expect, test } from 'vitest';
import type { FailoverPair, FailoverPairStatus } from '#lib/api/failoverpair.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { statusError } from '#lib/kube/errors.ts';
import type { KubeObject, ObjectKey, ResourceType } from '#lib/kube/objects.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import type { ServiceAccount } from '../resources.ts';
import { FilledCaches } from '../testing/stores.ts';
import { keepRecord } from './act-record.ts';
import { keepSettings } from './act-settings.ts';
import { planMember } from './member-plan.ts';
import { Observations } from './observations.ts';
import type { PairPorts } from './pair-ports.ts';
import { reconcilePair } from './reconcile-pair.ts';

const signal = new AbortController().signal;
const label = { verb: 'create', resource: 'secrets', target: 'x', confidential: true };
const refusal = statusError(label, 422, { code: 422, reason: 'Invalid' });

class Reconciled {
  readonly filled = new FilledCaches();
  readonly calls: string[] = [];
  readonly events: string[] = [];
  /** Of a request by verb and kind. */
  refuse: (call: string) => Error | undefined = () => undefined;
  status: FailoverPairStatus | undefined;

  readonly client = {
    create: (type: ResourceType<KubeObject>, object: KubeObject) => this.#answer(`create ${type.kind}`, object),
    createSubresource: () => this.#answer('create token', { status: { token: 'x' } }),
    find: (type: ResourceType<KubeObject>) => this.#answer(`find ${type.kind}`, undefined),
    get: (_type: unknown, { name }: ObjectKey) => Promise.resolve({ metadata: { name } }),
    apply: (_type: unknown, { status }: { readonly status: FailoverPairStatus }) => {
      const answer = this.#answer('apply status', {});
      this.status = status;
      return answer;
    },
  };

  look(pair: FailoverPair): ReturnType<ReturnType<typeof reconcilePair>> {
    return this.looker(pair)();
  }

  /** Of one operator, to be asked several times. */
  looker(pair: FailoverPair): () => ReturnType<ReturnType<typeof reconcilePair>> {
    this.filled.pairs.see(pair);
    const ports = {
      client: this.client,
      caches: this.filled.caches,
      clock: new SimulatedClock(),
      random: seededRandom(1),
      events: { record: (_type: unknown, _about: unknown, { reason }: { readonly reason: string }) => this.events.push(reason) },
      observations: new Observations(),
      trustDomain: 'hallkeeper.dev',
    };
    const reconcile = reconcilePair(ports as unknown as PairPorts);
    return () => reconcile({ namespace: 'hall-7', name: 'pair-7' }, { signal, log: silentLog });
  }

  #answer<T>(call: string, answer: T): Promise<T> {
    this.calls.push(call);
    const error = this.refuse(call);
    return error === undefined ? Promise.resolve(answer) : Promise.reject(error);
  }
}

let reconciled: Reconciled;
beforeEach(() => {
  reconciled = new Reconciled();
});

test('what the API server refuses stands in the status, beside what stood there', async () => {
  reconciled.refuse = (call) => (call === 'create Secret' ? refusal : undefined);
  await expect(reconciled.look(aStoredPair())).rejects.toBe(refusal);
  expect(reconciled.status?.conditions).toMatchObject([{ type: 'Ready', status: 'False', reason: 'NotApplied', observedGeneration: 3 }]);
  const standing = { type: 'MembersReachable', status: 'True', reason: 'AllReachable', message: 'm', lastTransitionTime: 't' } as const;
  const ready = { type: 'Ready', status: 'True', reason: 'SettingsDelivered', message: 'm', lastTransitionTime: 't' } as const;
  const status = { usedBy: ['north'], conditions: [ready, standing] };
  await expect(reconciled.look(aStoredPair({ status }))).rejects.toBe(refusal);
  expect(reconciled.status).toMatchObject({ usedBy: ['north'], conditions: [{ reason: 'NotApplied' }, { reason: 'AllReachable' }] });
  expect(reconciled.events.at(-1)).toBe('NotApplied');
});

test('what was written is not written again while the cache does not show it', async () => {
  reconciled.filled.pairRecords.see(aStoredRecord({}, { 'hallkeeper.dev/owner-uid': 'earlier' }));
  const ready = { type: 'Ready', status: 'True', reason: 'SettingsDelivered', message: 'm', lastTransitionTime: 't' } as const;
  const look = reconciled.looker(aStoredPair({ status: { conditions: [ready] } }));
  for (let count = 0; count < 3; count += 1) await look();
  expect(reconciled.calls.filter((call) => call === 'apply status')).toHaveLength(1);
  expect(reconciled.events).toEqual(['SpecRefused']);
});

test.each([
  ['that is away', statusError(label, 429, { code: 429, reason: 'TooManyRequests' })],
  ['whose object has changed', statusError(label, 409, { code: 409, reason: 'Conflict' })],
])('nothing is told of an API server %s', async (_behaviour, error) => {
  reconciled.refuse = (call) => (call === 'create Secret' ? error : undefined);
  await expect(reconciled.look(aStoredPair())).rejects.toBe(error);
  expect(reconciled.calls).not.toContain('apply status');
});

test('a status that is refused, too, hides nothing of the first refusal', async () => {
  reconciled.refuse = (call) => (call === 'create Secret' ? refusal : call === 'apply status' ? new Error('and this') : undefined);
  await expect(reconciled.look(aStoredPair())).rejects.toBe(refusal);
});

test('a pair whose record says nothing of it is given none of it', async () => {
  reconciled.filled.pairRecords.see(aStoredRecord({ epoch: 9 }, { 'hallkeeper.dev/owner-uid': 'earlier' }));
  await reconciled.look(aStoredPair());
  expect(reconciled.status?.conditions?.[0]).toMatchObject({ reason: 'SpecRefused', message: expect.stringContaining('earlier pair') });
  expect([reconciled.status?.mode, reconciled.status?.primary, reconciled.status?.epoch]).toEqual([undefined, undefined, undefined]);
  expect(reconciled.calls.filter((call) => call.startsWith('create'))).toEqual([]);
});

test('a record that only the server shows is taken when it is the pair’s own', async () => {
  const own = aStoredRecord();
  const found = (record: typeof own) => ({ find: () => Promise.resolve(record) as never, create: () => Promise.reject(new Error('no')) });
  expect(await keepRecord(aStoredPair(), undefined, found(own), signal)).toBe(own);
  const earlier = aStoredRecord({}, { 'hallkeeper.dev/owner-uid': 'earlier' });
  await expect(keepRecord(aStoredPair(), undefined, found(earlier), signal)).rejects.toMatchObject({ code: 'HK_OBJECT_UNSEEN' });
});

test('no token is made for a Secret of somebody else', async () => {
  const pair = aStoredPair();
  const plan = planMember('a', { pair, trustDomain: 'hallkeeper.dev', tsigSecret: undefined, etcdTls: undefined, hall: undefined });
  const account: ServiceAccount = { metadata: { name: 'hallkeeper-pair-7-a', uid: 'u' } };
  reconciled.filled.secrets.see({ metadata: { namespace: 'hall-7', name: 'hallkeeper-pair-7-a' } });
  const ports = { client: reconciled.client as never, caches: reconciled.filled.caches, clock: new SimulatedClock() };
  const keep = keepSettings({ pair, plan, authority: undefined, account }, ports, signal);
  await expect(keep).rejects.toMatchObject({ code: 'HK_OBJECT_FOREIGN' });
  expect(reconciled.calls).toEqual([]);
});
