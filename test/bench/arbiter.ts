import { KubeConfig } from '@kubernetes/client-node';
import { EtcdRecordStore } from '#agents/member/etcd-record-store.ts';
import { KubernetesRecordStore } from '#agents/member/kubernetes-record-store.ts';
import { RecordMemory } from '#agents/member/record-memory.ts';
import type { RecordStore } from '#agents/member/record-store.ts';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { newRecord, settled } from '#lib/pair/pair-record.ts';
import type { SeenRecord } from '#lib/pair/pair-record.ts';
import { aPairRecord } from '../api/builders.ts';
import { namespace, startApiServer } from '../api/api-server.ts';
import { startEtcd } from '../cluster/etcd.ts';
import type { Etcd, EtcdMember } from '../cluster/etcd.ts';
import { eventually } from '../cluster/eventually.ts';
import { temporaryFolder } from '../cluster/temporary.ts';
import { median, rounded, wholeOption } from './bench.ts';
import type { Bench, BenchResult } from './bench.ts';
import { spread, spreadMs } from './spread.ts';
import type { Spread } from './spread.ts';

const swapsDefault = 500;
const electionsDefault = 10;
/** Not counted: connections and compiled code come with the first requests. */
const warmUp = 30;
/** As in service. */
const requestMaxMs = 1_000;
/** Between two attempts while an election is on: the first pause of a member. */
const againMs = 50;
const waits = { maxMs: 60_000 } as const;
const signal = new AbortController().signal;
const account = `system:serviceaccount:${namespace}:hallkeeper-pair-7-a`;

export const arbiterBench: Bench = {
  name: 'arbiter',
  says:
    'What a member waits for its arbiter: one compare-and-swap and one read of the record after the other, by the code of the member, ' +
    'at a kube-apiserver with an etcd of its own, at an etcd of one member and at an etcd of three, each writing to this machine’s disk ' +
    'before it answers (swapMs, readMs). Then members of the three are killed while changes go on, again and again: leaderKilledSeconds ' +
    'is from the kill to the next change that is carried out, which takes an election, with the defaults of etcd (heartbeat 100 ms, ' +
    'election 1 s); followerKilledSeconds the same for one that does not lead. Everything ' +
    'shares this machine; on a network the way to the arbiter and between its members comes on top.',
  options: {
    swaps: { value: 'N', help: 'changes and reads for each arbiter', fallback: String(swapsDefault) },
    elections: { value: 'N', help: 'times that the leader, and that a follower is killed', fallback: String(electionsDefault) },
  },
  run: async (line, say) => {
    const swaps = wholeOption(line, 'swaps', 100_000) ?? swapsDefault;
    const elections = wholeOption(line, 'elections', 1_000) ?? electionsDefault;
    const kubernetes = await measureKubernetes(swaps, say);
    const etcdOfOne = await measureEtcdOfOne(swaps, say);
    await using three = await startEtcd({ members: 3, fsync: true });
    await using member = await openStore(three);
    const etcdOfThree = await measure('an etcd of three members', member.store, swaps, say);
    return { swaps, kubernetes, etcdOfOne, etcdOfThree, elections: await measureElections(three, member.store, elections, say) };
  },
};

interface Figures {
  readonly swapMs: Spread;
  readonly readMs: Spread;
}

async function measureKubernetes(swaps: number, say: (text: string) => void): Promise<Figures> {
  await using api = await startApiServer({ users: [{ name: account }], fsync: true });
  await api.kubectl('create', 'role', 'member', '--verb=get,update,watch', '--resource=pairrecords.hallkeeper.dev');
  await api.kubectl('create', 'rolebinding', 'member', '--role=member', `--user=${account}`);
  await eventually('the member has its rights', () => api.mayDo(account, 'update', 'pairrecords'), waits);
  const { code, message } = await api.create(aPairRecord());
  if (code >= 300) throw new Error(message);
  const config = new KubeConfig();
  config.loadFromString(JSON.stringify(api.controlPlane.kubeconfig(account)));
  const ports = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: 'hallkeeper-bench/1' };
  const client = KubeClient.fromKubeConfig(config, ports, { deadlineMs: requestMaxMs, attemptsMax: 1 });
  try {
    const store = new KubernetesRecordStore(() => client, { namespace, name: 'pair-7' }, ['a', 'b'], systemClock);
    return await measure('a kube-apiserver', store, swaps, say);
  } finally {
    await client.close();
  }
}

async function measureEtcdOfOne(swaps: number, say: (text: string) => void): Promise<Figures> {
  await using etcd = await startEtcd({ members: 1, fsync: true });
  await using member = await openStore(etcd);
  return await measure('an etcd of one member', member.store, swaps, say);
}

/** A member of a new pair, whose record is there. */
async function openStore(etcd: Etcd): Promise<AsyncDisposable & { readonly store: RecordStore }> {
  const folder = await temporaryFolder('bench');
  const memory = await RecordMemory.open(`${folder.path}/record-seen.json`, { pair: 'pair-7', self: 'a', random: systemRandom }, silentLog);
  const settings = { endpoints: etcd.endpoints, prefix: '/hallkeeper/pairs', tls: await etcd.client() };
  const ports = { clock: systemClock, random: systemRandom, memory, requestMaxMs };
  const store = new EtcdRecordStore(settings, { pair: 'pair-7', members: ['a', 'b'] }, ports);
  const answer = await store.create(newRecord, signal);
  if (answer.kind !== 'won') throw new Error(`the record was not created: ${JSON.stringify(answer)}`);
  const close = async (): Promise<void> => {
    await store.close();
    await folder.remove();
  };
  return { store, [Symbol.asyncDispose]: close };
}

async function measure(name: string, store: RecordStore, swaps: number, say: (text: string) => void): Promise<Figures> {
  const swapMs: number[] = [];
  const readMs: number[] = [];
  let seen = await nowIn(store);
  for (let count = -warmUp; count < swaps; count += 1) {
    const began = performance.now();
    const answer = await store.swap(seen, settled(seen.record), signal);
    const changed = performance.now();
    if (answer.kind !== 'won') throw new Error(`${name} did not carry a change out: ${JSON.stringify(answer)}`);
    await nowIn(store);
    ({ seen } = answer);
    if (count < 0) continue;
    swapMs.push(changed - began);
    readMs.push(performance.now() - changed);
  }
  say(`${name}: a change takes ${rounded(median(swapMs))} ms, a read ${rounded(median(readMs))} ms (medians of ${swaps})`);
  return { swapMs: spreadMs(swapMs), readMs: spreadMs(readMs) };
}

async function measureElections(etcd: Etcd, store: RecordStore, runs: number, say: (text: string) => void): Promise<BenchResult> {
  const leaderMs: number[] = [];
  const followerMs: number[] = [];
  for (let run = 1; run <= runs; run += 1) {
    leaderMs.push(await outageMs(etcd, store, await leaderOf(etcd)));
    const leader = await leaderOf(etcd);
    const follower = etcd.members.find(({ name }) => name !== leader.name);
    if (follower !== undefined) followerMs.push(await outageMs(etcd, store, follower));
    say(
      `run ${run} of ${runs}: ${rounded(leaderMs.at(-1) ?? 0)} ms without the leader, ${rounded(followerMs.at(-1) ?? 0)} ms without a follower`,
    );
  }
  return { runs, leaderKilledSeconds: spread(leaderMs), followerKilledSeconds: spread(followerMs) };
}

/** Kills a member while changes go on, and brings it back. Returns the time until the next change was carried out. */
async function outageMs(etcd: Etcd, store: RecordStore, victim: EtcdMember): Promise<number> {
  let seen = await eventually('the record is read', async () => await nowIn(store), waits);
  for (let count = 0; count < 5; count += 1) seen = (await change(store, seen)) ?? seen;
  const began = performance.now();
  await victim.kill();
  let next: SeenRecord | undefined;
  while (next === undefined) {
    next = await change(store, seen);
    if (next !== undefined) break;
    await systemClock.sleep(againMs);
    seen = (await known(store)) ?? seen;
    if (performance.now() - began > waits.maxMs) throw new Error(`no change was carried out after ${victim.name} was killed`);
  }
  const tookMs = performance.now() - began;
  await victim.start();
  await leaderOf(etcd);
  return tookMs;
}

/** The record after a change; undefined when none was seen to be carried out. */
async function change(store: RecordStore, seen: SeenRecord): Promise<SeenRecord | undefined> {
  const answer = await store.swap(seen, settled(seen.record), signal);
  return answer.kind === 'won' ? answer.seen : undefined;
}

async function known(store: RecordStore): Promise<SeenRecord | undefined> {
  const answer = await store.read(signal);
  return answer.kind === 'current' ? answer.seen : undefined;
}

async function nowIn(store: RecordStore): Promise<SeenRecord> {
  const seen = await known(store);
  if (seen === undefined) throw new Error('the record cannot be read');
  return seen;
}

async function leaderOf(etcd: Etcd): Promise<EtcdMember> {
  return await eventually('a member of the etcd leads', () => etcd.leader(), waits);
}
