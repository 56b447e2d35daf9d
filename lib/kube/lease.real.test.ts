import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import type { ControlPlane } from '#test/cluster/control-plane.ts';
import { eventually } from '#test/cluster/eventually.ts';
import type { KubeClient } from './client.ts';
import { LeaderElector, leases } from './lease.ts';
import type { LeaseTimes } from './lease.ts';
import { activeResources, anySignal, clientOf, expectNothingLeft, ports } from './testing/cluster.ts';
import { startRelay } from './testing/relay.ts';
import type { Relay } from './testing/relay.ts';

let plane: ControlPlane;
let client: KubeClient;
const signal = anySignal();
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

beforeAll(async () => {
  plane = await startControlPlane();
  client = clientOf(plane);
});

afterAll(async () => {
  await client?.close();
  await plane?.stop();
});

interface Candidate {
  readonly elector: LeaderElector;
  readonly identity: string;
  readonly lost: Error[];
}

function candidate(name: string, times: LeaseTimes, own: KubeClient = client): Candidate {
  const lost: Error[] = [];
  const identity = `host_${randomUUID()}`;
  const lease = { namespace: 'default', name };
  const { clock, random, log } = ports;
  const elector = new LeaderElector(
    { lease, identity, times },
    { client: own, clock, random, log, lost: (error) => void lost.push(error) },
  );
  return { elector, identity, lost };
}

test('of two candidates one leads, and a release hands over long before the lease expires', async () => {
  const before = activeResources();
  const times = { durationMs: 120_000, renewMaxMs: 60_000, retryEveryMs: 300 };
  const key = { namespace: 'default', name: 'handover' };
  const candidates = [candidate('handover', times), candidate('handover', times)];
  const stop = new AbortController();
  const campaigns = candidates.map(({ elector }) => elector.campaign(stop.signal));
  await Promise.race(campaigns);
  expect(candidates.filter(({ elector }) => elector.isLeader)).toHaveLength(1);
  const [first, second] = candidates.toSorted((a, b) => Number(b.elector.isLeader) - Number(a.elector.isLeader)) as [Candidate, Candidate];
  const taken = await client.get(leases, key, signal);
  expect(taken.spec).toMatchObject({ holderIdentity: first.identity, leaseDurationSeconds: 120, leaseTransitions: 0 });
  expect(taken.spec?.acquireTime).toMatch(microTime);
  const renewed = await eventually(
    'the lease is renewed',
    async () => {
      const now = await client.get(leases, key, signal);
      return now.spec?.renewTime === taken.spec?.renewTime ? undefined : now;
    },
    { maxMs: 30_000 },
  );
  expect(renewed.spec).toEqual({ ...taken.spec, renewTime: renewed.spec?.renewTime });
  expect(second.elector.mode).toBe('follower');

  await first.elector.release();
  expect(first.elector.mode).toBe('released');
  // Expiry would take two minutes: within thirty seconds it can only be the release.
  await eventually('the other one leads', () => second.elector.isLeader, { maxMs: 30_000 });
  const handed = await client.get(leases, key, signal);
  expect(handed.spec).toMatchObject({ holderIdentity: second.identity, leaseTransitions: 1 });
  await second.elector.release();
  expect((await client.get(leases, key, signal)).spec).toMatchObject({ leaseDurationSeconds: 1, leaseTransitions: 1 });
  expect((await client.get(leases, key, signal)).spec?.holderIdentity).toBeUndefined();
  expect([...first.lost, ...second.lost]).toEqual([]);
  await expectNothingLeft(before);
});

test('a leader that is cut off stops leading before another one may begin', async () => {
  const times = { durationMs: 4_000, renewMaxMs: 2_500, retryEveryMs: 500 };
  await using relay: Relay = await startRelay({ host: plane.address, port: plane.port });
  const own = clientOf(plane, { port: relay.port });
  const first = candidate('cut', times, own);
  const second = candidate('cut', times);
  await first.elector.campaign(signal);
  const campaign = second.elector.campaign(signal);
  const order: string[] = [];
  const lost = eventually('the first one gives up', () => first.lost.length > 0, { maxMs: 60_000, everyMs: 5 }).then(() =>
    order.push('lost'),
  );
  relay.set('stall');
  await campaign;
  order.push('led');
  await lost;
  expect(order).toEqual(['lost', 'led']);
  expect(first.elector.mode).toBe('lost');
  expect(first.lost).toMatchObject([{ code: 'HK_LEASE_LOST', retry: 'never' }]);
  // What is lost is not given back: the lease belongs to somebody else.
  await first.elector.release();
  expect((await client.get(leases, { namespace: 'default', name: 'cut' }, signal)).spec?.holderIdentity).toBe(second.identity);
  await second.elector.release();
  await own.close();
});

test('a leader outlives a short absence of the server', async () => {
  const times = { durationMs: 60_000, renewMaxMs: 50_000, retryEveryMs: 300 };
  const { elector, identity, lost } = candidate('absence', times);
  await elector.campaign(signal);
  await plane.apiserver.kill();
  await plane.apiserver.start();
  const key = { namespace: 'default', name: 'absence' };
  const { spec } = await client.get(leases, key, signal);
  await eventually('renewals go on', async () => (await client.get(leases, key, signal)).spec?.renewTime !== spec?.renewTime, {
    maxMs: 60_000,
  });
  expect([elector.isLeader, elector.stalled(), lost]).toEqual([true, undefined, []]);
  expect((await client.get(leases, key, signal)).spec).toMatchObject({ holderIdentity: identity, leaseTransitions: 0 });
  await elector.release();
});

test('a campaign that is called off leaves nothing behind', async () => {
  const times = { durationMs: 60_000, renewMaxMs: 50_000, retryEveryMs: 300 };
  const before = activeResources();
  const holder = candidate('off', times);
  const follower = candidate('off', times);
  await holder.elector.campaign(signal);
  const stop = new AbortController();
  const campaign = follower.elector.campaign(stop.signal);
  const reason = new Error('the program stops');
  stop.abort(reason);
  await expect(campaign).rejects.toBe(reason);
  await follower.elector.release();
  await holder.elector.release();
  await expectNothingLeft(before);
});
