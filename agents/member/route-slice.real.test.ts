import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { defineResource } from '#lib/kube/objects.ts';
import { namespace, startApiServer } from '#test/api/api-server.ts';
import type { ApiServer } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import type { SliceObject } from './decide-slice.ts';
import { SliceRoute } from './route-slice.ts';
import { aSliceObject } from './testing/slice.ts';

/** Both members of a pair at a real API server, under the rights that the operator gives them and the policy that holds them to it. */
const account = (member: string): string => `system:serviceaccount:${namespace}:hallkeeper-pair-7-${member}`;
const waits = { maxMs: 60_000 } as const;
const signal = new AbortController().signal;
const addresses = { a: '10.20.0.11', b: '10.20.0.12' } as const;
const slices = defineResource<SliceObject>({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
});
const clients: KubeClient[] = [];
let api: ApiServer;
let key = { namespace, name: 'slice-0' };

/** A client as a member has it, but for its patience: the machine may be busy with other work. */
function clientOf(user: string): KubeClient {
  const config = new KubeConfig();
  config.loadFromString(JSON.stringify(api.controlPlane.kubeconfig(user)));
  const ports = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: 'test' };
  const client = KubeClient.fromKubeConfig(config, ports, { deadlineMs: 20_000, attemptsMax: 1 });
  clients.push(client);
  return client;
}

let members: Readonly<Record<'a' | 'b', KubeClient>>;

/** A slice of its own for each test, as the operator makes it, in which `a` leads in epoch 1. */
async function fresh(): Promise<void> {
  key = { namespace, name: `slice-${Number(key.name.slice('slice-'.length)) + 1}` };
  const made = aSliceObject({ address: addresses.a, epoch: 1 });
  const answer = await api.create({
    ...made,
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { ...made.metadata, name: key.name },
  });
  if (answer.code >= 300) throw new Error(answer.message);
}

interface Led {
  readonly route: SliceRoute;
  readonly tries: readonly string[];
  readonly ended: Promise<void>;
}

/** One member's route, from the moment in which it opened. */
function lead(member: 'a' | 'b', epoch: number, client: Pick<KubeClient, 'get' | 'update'> = members[member]): Led {
  const tries: string[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const route = new SliceRoute({
    client: () => client,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    slice: key,
    address: addresses[member],
    pairUid: 'uid-7',
    tried: ({ outcome }, last) => {
      tries.push(outcome);
      if (last) resolve();
    },
  });
  route.set({ epoch });
  return { route, tries, ended };
}

const stored = async (): Promise<readonly [string | undefined, string | undefined]> => {
  const { endpoints, metadata } = await members.a.get(slices, key, signal);
  return [endpoints?.[0]?.addresses[0], metadata.annotations?.['hallkeeper.dev/epoch']];
};

const names = Array.from({ length: 10 }, (_unused, index) => `slice-${index}`);

beforeAll(async () => {
  api = await startApiServer({ users: [{ name: account('a') }, { name: account('b') }] });
  members = { a: clientOf(account('a')), b: clientOf(account('b')) };
  const rights = ['--verb=get,update', '--resource=endpointslices.discovery.k8s.io', ...names.map((name) => `--resource-name=${name}`)];
  await api.kubectl('create', 'role', 'members', ...rights);
  await api.kubectl('create', 'rolebinding', 'members', '--role=members', `--user=${account('a')}`, `--user=${account('b')}`);
  await fresh();
  // Rights and policies act some hundred milliseconds after they were stored.
  const seen = await eventually('the members have their rights', () => members.b.get(slices, key, signal), waits);
  // Nothing is stored by a dry run: a write that came before the policy would make every later one a conflict, which is found first.
  const { kind, apiVersion } = slices;
  const foreign = { ...seen, kind, apiVersion, endpoints: [{ addresses: ['198.51.100.9'] }] };
  const asked = { as: account('b'), dryRun: true } as const;
  const refused = async (): Promise<boolean> => (await api.update(foreign, asked)).message.includes('hallkeeper-endpointslice');
  await eventually('the policy is in force', refused, waits);
}, 240_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await api?.[Symbol.asyncDispose]();
});

test('the member that opens leads the Service to itself at once, and back again after the next failover', async () => {
  await fresh();
  const first = lead('b', 2);
  await first.ended;
  expect(first.tries).toEqual(['applied']);
  expect(await stored()).toEqual([addresses.b, '2']);
  const second = lead('a', 3);
  await second.ended;
  expect(second.tries).toEqual(['applied']);
  expect(await stored()).toEqual([addresses.a, '3']);
});

test('of a slice only address and epoch change', async () => {
  await fresh();
  const before = await members.a.get(slices, key, signal);
  await lead('b', 2).ended;
  const after = await members.a.get(slices, key, signal);
  const rest = ({ metadata, endpoints: _endpoints, ...others }: SliceObject): object => ({
    others,
    labels: metadata.labels,
    uid: metadata.uid,
  });
  expect(rest(after)).toEqual(rest(before));
  expect(after.metadata.annotations).toEqual({ ...before.metadata.annotations, 'hallkeeper.dev/epoch': '2' });
});

test('the write of a member that was deposed meanwhile is refused by its version, then by its epoch, and changes nothing', async () => {
  await fresh();
  const read = Promise.withResolvers<void>();
  const deposed = Promise.withResolvers<void>();
  // Reads in epoch 1; when it writes, the other one leads in epoch 3.
  const slow: Pick<KubeClient, 'get' | 'update'> = {
    get: async (type, place, limit) => {
      const seen = await members.b.get(type, place, limit);
      read.resolve();
      await deposed.promise;
      return seen;
    },
    update: (type, object, limit) => members.b.update(type, object, limit),
  };
  const late = lead('b', 2, slow);
  await read.promise;
  const now = lead('a', 3);
  await now.ended;
  deposed.resolve();
  await late.ended;
  expect(late.tries).toEqual(['contended', 'superseded']);
  expect(late.route.standing).toMatchObject({ ok: false, why: 'superseded: by epoch 3 at try 2' });
  expect(await stored()).toEqual([addresses.a, '3']);

  // However it comes by the newest version: the policy counts epochs.
  const seen = await members.b.get(slices, key, signal);
  const annotations = { ...seen.metadata.annotations, 'hallkeeper.dev/epoch': '2' };
  const forged = { ...seen, metadata: { ...seen.metadata, annotations }, endpoints: [{ addresses: [addresses.b] }] };
  await expect(members.b.update(slices, forged, signal)).rejects.toThrow('a later leader has it already');
  // Nor may it do in its own epoch what it may not do for another address.
  const bent = { ...seen, endpoints: [{ addresses: ['198.51.100.9'] }] };
  await expect(members.a.update(slices, bent, signal)).rejects.toThrow('to its own address and to no other');
  expect(await stored()).toEqual([addresses.a, '3']);
});

test('of two that write at the same time the higher epoch stays, and each knows how it ended', async () => {
  for (let round = 0; round < 3; round += 1) {
    await fresh();
    const both = [lead('a', 3), lead('b', 2)];
    await Promise.all(both.map(({ ended }) => ended));
    expect(await stored()).toEqual([addresses.a, '3']);
    expect(both[0]?.tries.at(-1)).toBe('applied');
    expect(['applied', 'superseded']).toContain(both[1]?.tries.at(-1));
  }
});

test('a slice that the operator makes a moment later is taken as it is', async () => {
  key = { namespace, name: `slice-${Number(key.name.slice('slice-'.length)) + 1}` };
  const early = lead('a', 1);
  await expect.poll(() => early.tries.length, { timeout: 60_000 }).toBeGreaterThan(0);
  key = { namespace, name: `slice-${Number(key.name.slice('slice-'.length)) - 1}` };
  await fresh();
  await early.ended;
  expect(early.tries.at(-1)).toBe('unchanged');
  expect(new Set(early.tries.slice(0, -1))).toEqual(new Set(['left']));
});
