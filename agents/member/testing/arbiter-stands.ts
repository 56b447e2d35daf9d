import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { newRecord } from '#lib/pair/pair-record.ts';
import { aPairRecord } from '#test/api/builders.ts';
import { namespace, startApiServer } from '#test/api/api-server.ts';
import { startEtcd } from '#test/cluster/etcd.ts';
import type { Etcd } from '#test/cluster/etcd.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { stopProcess } from '#test/cluster/processes.ts';
import { TcpProxy } from '#test/cluster/tcp-proxy.ts';
import { formatRecord } from '../etcd-record.ts';
import { EtcdRecordStore } from '../etcd-record-store.ts';
import { KubernetesRecordStore } from '../kubernetes-record-store.ts';
import { RecordMemory } from '../record-memory.ts';
import type { RecordStore } from '../record-store.ts';

export interface StoreWish {
  /** Dials this instead of the arbiter's servers. */
  readonly through?: TcpProxy;
  /** Generous unless asked for: the machine may be busy with other work. */
  readonly requestMaxMs?: number;
  /** Trusts this authority instead of the right one. */
  readonly authority?: string;
}

/** A real arbiter that keeps the records of many pairs, one after the other, and can be hurt. */
export interface ArbiterStand extends AsyncDisposable {
  /** Begins a new pair, with its record in mode NEW. Stores opened from now on are of this pair. */
  fresh(): Promise<void>;
  store(member: 'a' | 'b', wish?: StoreWish): Promise<RecordStore>;
  /** A way to one of its servers that runs, which can be told to hold things back. */
  proxy(): Promise<TcpProxy>;
  /** The record is deleted, by an administrator. */
  lose(): Promise<void>;
  /** The record is written by somebody who is no member. */
  plant(what: 'a newer format' | 'a third member'): Promise<void>;
  /** Every server takes requests and does nothing. */
  pause(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Kills the server that leads the others, where there are others. */
  readonly killLeader: (() => Promise<void>) | undefined;
}

const requestMaxMsDefault = 20_000;
const members = ['a', 'b'] as const;
const account = (name: string): string => `system:serviceaccount:${namespace}:hallkeeper-pair-7-${name}`;
const waits = { maxMs: 60_000 } as const;

export async function kubernetesStand(): Promise<ArbiterStand> {
  const stack = new AsyncDisposableStack();
  const api = stack.use(await startApiServer({ users: members.map((name) => ({ name: account(name) })) }));
  await api.kubectl('create', 'role', 'members', '--verb=get,update,watch', '--resource=pairrecords.hallkeeper.dev');
  await api.kubectl('create', 'rolebinding', 'members', '--role=members', ...members.map((name) => `--user=${account(name)}`));
  for (const name of members) {
    await eventually(`member ${name} has its rights`, () => api.mayDo(account(name), 'update', 'pairrecords'), waits);
  }
  let number = 0;
  const pair = (): string => `pair-${number}`;
  const { controlPlane } = api;
  const create = async (spec: NonNullable<Parameters<typeof aPairRecord>[0]>['spec']): Promise<void> => {
    const answer = await api.create(aPairRecord({ name: pair(), spec: spec ?? {} }));
    if (answer.code >= 300) throw new Error(answer.message);
  };
  const lose = async (): Promise<void> => {
    const uid = await api.kubectl('get', 'pairrecord', pair(), '-o', 'jsonpath={.metadata.uid}');
    await api.kubectl('annotate', 'pairrecord', pair(), `hallkeeper.dev/retired=${uid}`);
    await api.kubectl('delete', 'pairrecord', pair());
  };
  return {
    fresh: async () => {
      number += 1;
      await create({});
    },
    store: (member, { through, requestMaxMs = requestMaxMsDefault, authority } = {}) => {
      const config = new KubeConfig();
      const own = controlPlane.kubeconfig(account(member));
      const url = through === undefined ? controlPlane.url : `https://${controlPlane.address}:${through.port}`;
      const ca = authority === undefined ? {} : { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
      const clusters = own.clusters.map((each) => ({ ...each, cluster: { ...each.cluster, server: url, ...ca } }));
      config.loadFromString(JSON.stringify({ ...own, clusters }));
      const ports = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: 'test' };
      const client = KubeClient.fromKubeConfig(config, ports, { deadlineMs: requestMaxMs, attemptsMax: 1 });
      stack.defer(() => client.close());
      return Promise.resolve(new KubernetesRecordStore(() => client, { namespace, name: pair() }, ['a', 'b'], systemClock));
    },
    proxy: async () => stack.use(await TcpProxy.open({ host: controlPlane.address, port: controlPlane.port })),
    lose,
    plant: async (what) => {
      await lose();
      await create(what === 'a newer format' ? { formatVersion: 2 } : { mode: 'Solo', primary: 'c', epoch: 1 });
    },
    pause: async () => {
      const { pid } = controlPlane.apiserver;
      if (pid !== undefined) await stopProcess(pid);
    },
    kill: () => controlPlane.apiserver.kill(),
    start: () => controlPlane.apiserver.start(),
    killLeader: undefined,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export const prefix = '/hallkeeper/pairs';

/** What the members of one run remember: whoever opens another store is the same member, and has seen the same. */
async function openMemories(): Promise<AsyncDisposable & { of(pair: string, self: 'a' | 'b'): Promise<RecordMemory> }> {
  const folder = await mkdtemp(join(tmpdir(), 'hallkeeper-memory-'));
  const opened = new Map<string, Promise<RecordMemory>>();
  return {
    of: (pair, self) => {
      const key = `${pair}-${self}`;
      const memory =
        opened.get(key) ?? RecordMemory.open(join(folder, key, 'record-seen.json'), { pair, self, random: systemRandom }, silentLog);
      opened.set(key, memory);
      return memory;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

export async function etcdStand(count: 1 | 3): Promise<ArbiterStand> {
  const stack = new AsyncDisposableStack();
  const etcd: Etcd = stack.use(await startEtcd({ members: count }));
  const memories = stack.use(await openMemories());
  const tls = await etcd.client();
  let number = 0;
  const pair = (): string => `pair-${number}`;
  const key = (): string => `${prefix}/${pair()}`;
  const signal = new AbortController().signal;
  const open = async (member: 'a' | 'b', wish: StoreWish = {}): Promise<EtcdRecordStore> => {
    const { through, requestMaxMs = requestMaxMsDefault, authority = tls.authority } = wish;
    const endpoints = through === undefined ? etcd.endpoints : [`https://127.0.0.1:${through.port}`];
    const memory = await memories.of(pair(), member);
    const ports = { clock: systemClock, random: systemRandom, memory, requestMaxMs };
    const store = new EtcdRecordStore({ endpoints, prefix, tls: { ...tls, authority } }, { pair: pair(), members }, ports);
    stack.defer(() => store.close());
    return store;
  };
  return {
    fresh: async () => {
      number += 1;
      const answer = await (await open('a')).create(newRecord, signal);
      if (answer.kind !== 'won') throw new Error(`the record cannot be created: ${JSON.stringify(answer)}`);
    },
    store: open,
    proxy: async () => {
      const { hostname, port } = new URL(etcd.members.find(({ running }) => running)?.url ?? '');
      return stack.use(await TcpProxy.open({ host: hostname, port: Number(port) }));
    },
    lose: () => etcd.remove(key()),
    plant: async (what) => {
      const attributes = { pair: pair(), request: 'planted', changedAt: new Date().toISOString() };
      const planted = what === 'a newer format' ? { formatVersion: 2 } : ({ mode: 'solo', primary: 'c', epoch: 1 } as const);
      await etcd.write(key(), formatRecord({ ...newRecord, ...planted }, attributes).toString());
    },
    pause: async () => {
      for (const { pid } of etcd.members) if (pid !== undefined) await stopProcess(pid);
    },
    kill: async () => void (await Promise.all(etcd.members.map((member) => member.kill()))),
    start: async () => void (await Promise.all(etcd.members.map((member) => member.start()))),
    killLeader:
      count === 1
        ? undefined
        : async () => {
            const leader = await eventually('one of the three leads', () => etcd.leader(), waits);
            await leader.kill();
          },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
