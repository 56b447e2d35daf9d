import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { found, settled } from '#lib/pair/pair-record.ts';
import type { PairRecord, SeenRecord } from '#lib/pair/pair-record.ts';
import { aPairRecord } from '#test/api/builders.ts';
import { namespace, startApiServer } from '#test/api/api-server.ts';
import type { ApiServer } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { KubernetesRecordStore } from './kubernetes-record-store.ts';

const account = (name: string): string => `system:serviceaccount:${namespace}:hallkeeper-pair-7-${name}`;
const waits = { maxMs: 60_000 } as const;
/** Generous: the machine may be busy with other work. */
const deadlineMs = 20_000;
const signal = new AbortController().signal;
const clients: KubeClient[] = [];
let api: ApiServer;
/** Name of the record of the test that runs; each makes its own, for a record is not deleted lightly. */
let record = 'pair-0';

/** A member's client, as the agent makes it: one attempt, and a deadline. */
function clientOf(name: string): KubeClient {
  const config = new KubeConfig();
  config.loadFromString(JSON.stringify(api.controlPlane.kubeconfig(account(name))));
  const ports = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: 'test' };
  const client = KubeClient.fromKubeConfig(config, ports, { deadlineMs, attemptsMax: 1 });
  clients.push(client);
  return client;
}

function storeOf(name: 'a' | 'b', client = clientOf(name)): KubernetesRecordStore {
  return new KubernetesRecordStore(() => client, { namespace, name: record }, ['a', 'b'], systemClock);
}

async function seenBy(store: KubernetesRecordStore): Promise<SeenRecord> {
  const answer = await store.read(signal);
  if (answer.kind !== 'current') throw new Error(`the record cannot be read: ${JSON.stringify(answer)}`);
  return answer.seen;
}

const fresh = async (change: Parameters<typeof aPairRecord>[0] = {}): Promise<void> => {
  record = `pair-${Number(record.slice('pair-'.length)) + 1}`;
  const answer = await api.create(aPairRecord({ ...change, name: record }));
  if (answer.code >= 300) throw new Error(answer.message);
};
const by = (author: string): { author: string; reason: string } => ({ author, reason: 'test' });

beforeAll(async () => {
  api = await startApiServer({ users: [{ name: account('a') }, { name: account('b') }, { name: account('c') }] });
  await api.kubectl('create', 'role', 'members', '--verb=get,update,watch', '--resource=pairrecords.hallkeeper.dev');
  const users = ['a', 'b', 'c'].map((name) => `--user=${account(name)}`);
  await api.kubectl('create', 'rolebinding', 'members', '--role=members', ...users);
  // Rights and policies act some hundred milliseconds after they were stored.
  await fresh();
  for (const name of ['a', 'b', 'c']) {
    await eventually(`member ${name} has its rights`, () => api.mayDo(account(name), 'update', 'pairrecords'), waits);
  }
  const refused = async (): Promise<boolean> => (await api.remove('PairRecord', record, { dryRun: true })).message.includes('pairrecord');
  await eventually('the policy is in force', refused, waits);
});
afterAll(async () => {
  for (const client of clients) await client.close();
  await api?.[Symbol.asyncDispose]();
});

describe('what only the API server does for the record', () => {
  test('what is written is read by the other member, with labels, annotations and writers as they were', async () => {
    await fresh({ labels: { hall: 'north' }, annotations: { note: 'kept' } });
    const a = storeOf('a');
    const created = await seenBy(a);
    expect(created.record).toMatchObject({ mode: 'new', sequence: 0, epoch: 0, primary: undefined });
    const won = await a.swap(created, found(created.record, by('a')), signal);
    expect(won).toMatchObject({
      kind: 'won',
      seen: { record: { mode: 'solo', primary: 'a', epoch: 1, sequence: 1, author: 'a', reason: 'test' } },
    });
    const b = await seenBy(storeOf('b'));
    expect(won.kind === 'won' && won.seen).toEqual(b);
    const object = (await api.read('PairRecord', record)).body as {
      metadata: object;
      spec: { writers: readonly string[]; changedAt: string };
    };
    expect(object.metadata).toMatchObject({ labels: { hall: 'north' }, annotations: { note: 'kept' } });
    expect(object.spec.writers).toEqual([account('a'), account('b')]);
    expect(Math.abs(Date.parse(object.spec.changedAt) - Date.now())).toBeLessThan(60_000);
  });

  test('a change that the protocol does not know is refused by the policy, and surely not carried out', async () => {
    await fresh();
    const a = storeOf('a');
    const seen = await seenBy(a);
    const founded = await a.swap(seen, found(seen.record, by('a')), signal);
    const now = founded.kind === 'won' ? founded.seen : seen;
    const jump: PairRecord = { ...now.record, sequence: now.record.sequence + 1, epoch: 9, mode: 'claim', primary: 'b', author: 'b' };
    expect(await storeOf('b').swap(now, jump, signal)).toMatchObject({ kind: 'failed', carriedOut: 'no' });
    expect((await seenBy(a)).version).toBe(now.version);
  });

  test('a stranger with the same rights is refused by the policy', async () => {
    await fresh();
    const stranger = storeOf('a', clientOf('c'));
    const seen = await seenBy(stranger);
    expect(await stranger.swap(seen, settled(seen.record), signal)).toMatchObject({ kind: 'failed', carriedOut: 'no' });
  });

  test('a write that changes nothing is found out: an older request could still be carried out after it', async () => {
    await fresh();
    const store = new KubernetesRecordStore(() => clientOf('a'), { namespace, name: record }, ['a', 'b'], {
      ...systemClock,
      wallMs: () => 0,
    });
    const seen = await seenBy(store);
    const won = await store.swap(seen, settled(seen.record), signal);
    const now = won.kind === 'won' ? won.seen : seen;
    expect(won.kind).toBe('won');
    const answer = await store.swap(now, now.record, signal);
    expect(answer).toMatchObject({ kind: 'failed' });
  });
});
