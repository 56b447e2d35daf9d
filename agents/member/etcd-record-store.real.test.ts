import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import type { EtcdTls } from '#lib/etcd/connections.ts';
import { found, newRecord, settled } from '#lib/pair/pair-record.ts';
import type { SeenRecord } from '#lib/pair/pair-record.ts';
import { startEtcd } from '#test/cluster/etcd.ts';
import type { Etcd } from '#test/cluster/etcd.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { stopProcess } from '#test/cluster/processes.ts';
import { TcpProxy } from '#test/cluster/tcp-proxy.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { EtcdRecordStore } from './etcd-record-store.ts';
import { RecordMemory } from './record-memory.ts';
import { prefix } from './testing/arbiter-stands.ts';

const waits = { maxMs: 60_000 } as const;
const signal = new AbortController().signal;
const by = (author: string): { author: string; reason: string } => ({ author, reason: 'test' });

let etcd: Etcd;
let folder: TemporaryFolder;
let tls: EtcdTls;
const open: EtcdRecordStore[] = [];
let pairs = 0;
let memories = 0;
const pair = (): string => `pair-${pairs}`;
const key = (): string => `${prefix}/${pair()}`;
const memoryFile = (): string => join(folder.path, `${(memories += 1)}`, 'record-seen.json');

interface Wish {
  readonly endpoints?: readonly string[];
  readonly tls?: EtcdTls;
  readonly requestMaxMs?: number;
  /** Whose it is; `a` unless said. */
  readonly self?: 'a' | 'b';
  /** What an agent kept on its disk, to be found again by the next one. */
  readonly memory?: string;
}

async function member(wish: Wish = {}): Promise<EtcdRecordStore> {
  const memory = await RecordMemory.open(
    wish.memory ?? memoryFile(),
    { pair: pair(), self: wish.self ?? 'a', random: systemRandom },
    silentLog,
  );
  const ports = { clock: systemClock, random: systemRandom, memory, requestMaxMs: wish.requestMaxMs ?? 20_000 };
  const settings = { endpoints: wish.endpoints ?? etcd.endpoints, prefix, tls: wish.tls ?? tls };
  const store = new EtcdRecordStore(settings, { pair: pair(), members: ['a', 'b'] }, ports);
  open.push(store);
  return store;
}

/** The record of a new pair, as its founder creates it. */
async function created(store: EtcdRecordStore): Promise<SeenRecord> {
  const answer = await store.create({ ...newRecord, author: 'a' }, signal);
  if (answer.kind !== 'won') throw new Error(`the record was not created: ${JSON.stringify(answer)}`);
  return answer.seen;
}

const nextPair = (): void => void (pairs += 1);

beforeAll(async () => {
  folder = await temporaryFolder('etcd-store');
  etcd = await startEtcd();
  tls = await etcd.client();
}, 120_000);
afterAll(async () => {
  for (const store of open) await store.close();
  await etcd?.[Symbol.asyncDispose]();
  await folder?.remove();
}, 60_000);

describe('the first record', () => {
  test('a member that has seen none finds the place vacant; of two that create it one does, and the other is told', async () => {
    nextPair();
    const [a, b] = [await member(), await member({ self: 'b' })];
    expect(await a.read(signal)).toEqual({ kind: 'vacant' });
    const answers = await Promise.all([a.create({ ...newRecord, author: 'a' }, signal), b.create({ ...newRecord, author: 'b' }, signal)]);
    expect(answers.map(({ kind }) => kind).toSorted()).toEqual(['current', 'won']);
    const [one, two] = answers.map((answer) => ('seen' in answer ? answer.seen : undefined));
    expect(one).toEqual(two);
    expect(one?.record).toMatchObject({ mode: 'new', sequence: 0, epoch: 0 });
  });

  test('once seen it is missed, also by the next agent of the same disk; only who never saw it calls the place vacant', async () => {
    nextPair();
    const disk = memoryFile();
    const a = await member({ memory: disk });
    const seen = await created(a);
    await etcd.remove(key());
    expect(await a.read(signal)).toEqual({ kind: 'absent' });
    expect(await a.swap(seen, settled(seen.record), signal)).toEqual({ kind: 'absent' });
    expect(await (await member({ memory: disk })).read(signal)).toEqual({ kind: 'absent' });
    expect(await (await member()).read(signal)).toEqual({ kind: 'vacant' });
  });

  test('an older one that was put back is not believed, also by the next agent of the same disk', async () => {
    nextPair();
    const disk = memoryFile();
    const a = await member({ memory: disk });
    const seen = await created(a);
    const old = (await etcd.read(key())) ?? '';
    await a.swap(seen, found(seen.record, by('a')), signal);
    await etcd.write(key(), old);
    const wentBack = { kind: 'invalid', why: 'the record went back from sequence 1, epoch 1 to 0, 0' };
    expect(await a.read(signal)).toEqual(wentBack);
    await a.close();
    expect(await (await member({ memory: disk })).read(signal)).toEqual(wentBack);
  });

  test('nothing is believed that could not be remembered', async () => {
    nextPair();
    const blocked = memoryFile();
    await writeFile(join(folder.path, 'file'), '');
    const a = await member({ memory: join(folder.path, 'file', 'record-seen.json') }).catch((error: unknown) => error);
    expect(a).toMatchObject({ code: 'ENOTDIR' });
    const b = await member({ memory: blocked });
    await writeFile(join(blocked, '..'), '');
    expect(await b.create({ ...newRecord, author: 'a' }, signal)).toMatchObject({ kind: 'failed', carriedOut: 'maybe' });
    expect(await b.read(signal)).toMatchObject({
      kind: 'failed',
      carriedOut: 'no',
      why: expect.stringContaining('could not be kept') as string,
    });
  });
});

describe('several endpoints', () => {
  const closers: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const close of closers) await close();
  });
  /** A server that takes connections and never says a word. */
  const silent = async (): Promise<string> => {
    const server: Server = createServer((socket) => void socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const sockets = new Set<{ destroy(): void }>();
    server.on('connection', (socket) => sockets.add(socket));
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    });
    return `https://127.0.0.1:${(server.address() as { port: number }).port}`;
  };

  test('one that is dead and one that hangs are passed over', async () => {
    nextPair();
    const a = await member({ endpoints: ['https://127.0.0.1:9', await silent(), ...etcd.endpoints] });
    const seen = await created(a);
    expect(await a.swap(seen, found(seen.record, by('a')), signal)).toMatchObject({ kind: 'won' });
    expect(await a.read(signal)).toMatchObject({ kind: 'current', seen: { record: { mode: 'solo' } } });
  });

  test('where all hang the answer comes in time: a change perhaps carried out, a read surely not', async () => {
    nextPair();
    const a = await member();
    const seen = await created(a);
    const cutOff = await member({ endpoints: [await silent(), await silent()], requestMaxMs: 1_000 });
    expect(await cutOff.swap(seen, settled(seen.record), signal)).toMatchObject({ kind: 'failed', carriedOut: 'maybe' });
    expect(await cutOff.read(signal)).toMatchObject({ kind: 'failed', carriedOut: 'no' });
  });

  test('a change whose answer was lost at one is found to be ours at another', async () => {
    nextPair();
    const { hostname, port } = new URL(etcd.endpoints[0] ?? '');
    const proxy = await TcpProxy.open({ host: hostname, port: Number(port) });
    closers.push(async () => await proxy[Symbol.asyncDispose]());
    const a = await member({ endpoints: [`https://127.0.0.1:${proxy.port}`, ...etcd.endpoints] });
    const seen = await created(a);
    expect(proxy.held('back')).toBe(0);
    proxy.hold('back');
    const answer = await a.swap(seen, found(seen.record, by('a')), signal);
    expect(answer).toMatchObject({ kind: 'won', seen: { record: { mode: 'solo', sequence: 1 } } });
    await eventually('the first answer was under way', () => proxy.held('back') > 0, waits);
    expect(await (await member()).read(signal)).toEqual({ kind: 'current', seen: 'seen' in answer ? answer.seen : undefined });
  });

  test('one of another etcd is not believed: neither what it has nor that it has nothing', async () => {
    nextPair();
    const foreign = await startEtcd();
    closers.push(async () => await foreign[Symbol.asyncDispose]());
    const both = { ...tls, authority: `${tls.authority}\n${foreign.authority.certificatePem}` };
    const disk = memoryFile();
    const a = await member({ memory: disk });
    const seen = await created(a);
    const strayed = await member({
      memory: disk,
      endpoints: foreign.endpoints,
      tls: { ...(await foreign.client()), authority: both.authority },
    });
    const why = expect.stringContaining('another etcd') as string;
    expect(await strayed.read(signal)).toEqual({ kind: 'failed', carriedOut: 'no', why });
    expect(await strayed.swap(seen, settled(seen.record), signal)).toEqual({ kind: 'failed', carriedOut: 'no', why });
  });
});

describe('certificates', () => {
  test('a client that etcd does not know is refused; a renewed certificate is taken into use at once, by the watch too', async () => {
    nextPair();
    const a = await member();
    const seen = await created(a);
    const foreign = await startEtcd();
    const stranger = await foreign.client();
    await foreign[Symbol.asyncDispose]();
    const b = await member({ tls: { ...stranger, authority: tls.authority }, requestMaxMs: 5_000 });
    let hints = 0;
    const stop = new AbortController();
    const watching = b.watch(() => (hints += 1), stop.signal);
    expect(await b.read(signal)).toMatchObject({ kind: 'failed', carriedOut: 'no' });
    expect(hints).toBe(0);
    b.renew(await etcd.client());
    expect(await b.read(signal)).toMatchObject({ kind: 'current' });
    await eventually('the watch stands', () => hints > 0, waits);
    const before = hints;
    await a.swap(seen, settled(seen.record), signal);
    await eventually('a change is hinted', () => hints > before, waits);
    stop.abort();
    await watching;
  });

  test('a server whose certificate does not name the host that was dialled is not spoken to', async () => {
    nextPair();
    const endpoints = etcd.endpoints.map((url) => url.replace('127.0.0.1', 'localhost'));
    const a = await member({ endpoints, requestMaxMs: 5_000 });
    expect(await a.read(signal)).toMatchObject({ kind: 'failed', why: expect.stringContaining('localhost') as string });
  });
});

test('a compaction under the watch takes no hint away', async () => {
  nextPair();
  const a = await member();
  let seen = await created(a);
  let hints = 0;
  const stop = new AbortController();
  const watching = (await member()).watch(() => (hints += 1), stop.signal);
  await eventually('the watch stands', () => hints > 0, waits);
  for (let round = 0; round < 3; round += 1) {
    const answer = await a.swap(seen, settled(seen.record), signal);
    if (answer.kind !== 'won') throw new Error(`not carried out: ${JSON.stringify(answer)}`);
    ({ seen } = answer);
    await etcd.ask('kv/compaction', { revision: seen.version, physical: true });
  }
  const before = hints;
  await a.swap(seen, settled(seen.record), signal);
  await eventually('a change after the compaction is hinted', () => hints > before, waits);
  let late = 0;
  const watchingLate = (await member()).watch(() => (late += 1), stop.signal);
  await eventually('a watch that begins after it stands', () => late > 0, waits);
  stop.abort();
  await Promise.all([watching, watchingLate]);
});

describe('three members', () => {
  test('one that hangs while it is asked costs an answer nothing but time; without a majority nothing is decided', async () => {
    nextPair();
    const three = await startEtcd({ members: 3 });
    try {
      const wish = { endpoints: three.endpoints, tls: await three.client() };
      const a = await member(wish);
      let seen = await created(a);
      const leader = await eventually('one leads', () => three.leader(), waits);
      const asked = three.members.find(({ name }) => name !== leader.name);
      // The member of the pair prefers this endpoint: it is listed first, and hangs.
      const prefers = await member({
        ...wish,
        self: 'b',
        endpoints: [asked?.url ?? '', ...three.endpoints.filter((url) => url !== asked?.url)],
      });
      expect(await prefers.read(signal)).toMatchObject({ kind: 'current' });
      await stopProcess(asked?.pid ?? 0);
      const answer = await prefers.swap(seen, settled(seen.record), signal);
      expect(answer).toMatchObject({ kind: 'won' });
      if (answer.kind === 'won') ({ seen } = answer);

      await stopProcess(leader.pid ?? 0);
      const hasty = await member({ ...wish, self: 'b', requestMaxMs: 1_000 });
      expect(await hasty.read(signal)).toMatchObject({ kind: 'failed', carriedOut: 'no' });
      expect(await hasty.swap(seen, settled(seen.record), signal)).toMatchObject({ kind: 'failed', carriedOut: 'maybe' });
      for (const each of three.members) each.signal('SIGCONT');
      const now = await eventually(
        'they decide again',
        async () => {
          const read = await a.read(signal);
          return read.kind === 'current' ? read.seen : undefined;
        },
        waits,
      );
      expect(now.record.sequence - seen.record.sequence).toBeLessThan(2);
    } finally {
      await three[Symbol.asyncDispose]();
    }
  });
});
