import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { startBind } from '#test/cluster/bind.ts';
import type { Bind } from '#test/cluster/bind.ts';
import { startFaultyDns } from '#test/cluster/faulty-dns.ts';
import type { DnsFault, FaultyDns } from '#test/cluster/faulty-dns.ts';
import { readNameState, setFailoverRecord } from './act-failover-record.ts';
import { outcomeInWords } from './record-outcome.ts';
import type { UpdateTarget } from './act-failover-record.ts';
import type { RecordOutcome } from './record-outcome.ts';
import { exchangeTcp } from './exchange.ts';
import type { FailoverRecord } from './failover-record.ts';
import { decodeMessage } from './message.ts';
import { createPublisher } from './publish.ts';
import type { ServerOutcome } from './publish.ts';
import { query } from './query.ts';
import { recordTypes } from './record.ts';
import { answerTo, startScriptedServer } from './testing/scripted-server.ts';
import type { ScriptedServer } from './testing/scripted-server.ts';

const ports = { clock: systemClock, random: systemRandom, log: silentLog };
const signal = new AbortController().signal;
const quick = { firstMs: 20, maxMs: 200, jitterPercent: 20, attemptsMax: 4 };
const endless = { ...quick, attemptsMax: 1_000 };

let bind: Bind;
let second: Bind;
let target: UpdateTarget;
let count = 0;

beforeAll(async () => {
  bind = await startBind();
  second = await startBind();
  target = targetOf(bind);
}, 120_000);
afterAll(async () => {
  await bind?.stop();
  await second?.stop();
});

const targetOf = (server: Bind, key = server.key): UpdateTarget => ({
  server: { host: server.address, port: server.port },
  key: { name: key.name, secret: new Secret(key.secret) },
});

/** A record under a name of its own. */
function aRecord(change: Partial<FailoverRecord> = {}): FailoverRecord {
  count += 1;
  return { zone: bind.zone, name: `pair-${count}.${bind.zone}`, ttlSeconds: 1, address: '10.1.2.3', pairUid: 'uid-1', epoch: 1, ...change };
}

const scripted: ScriptedServer[] = [];
afterEach(async () => {
  for (const each of scripted.splice(0)) await each[Symbol.asyncDispose]();
});

async function script(onRequest: Parameters<typeof startScriptedServer>[0]): Promise<UpdateTarget & { readonly script: ScriptedServer }> {
  const made = await startScriptedServer(onRequest);
  scripted.push(made);
  return { ...target, server: made.server, script: made };
}

test('a name that is created between two questions of one look is not taken for somebody else’s', async () => {
  const record = aRecord();
  const asked = Promise.withResolvers<void>();
  let created: Promise<RecordOutcome> | undefined;
  // Answers about texts first; then the record is created; then it answers about addresses.
  const between = await script((socket, request) => {
    void (async () => {
      const isText = decodeMessage(request.subarray(2)).questions[0]?.typeCode === recordTypes.TXT;
      if (!isText) {
        await asked.promise;
        await (created ??= setFailoverRecord(target, record, 'absent', ports, signal));
      }
      socket.write(await relay(request));
      if (isText) asked.resolve();
    })();
  });
  expect(await readNameState(between, record.name, ports, signal)).toMatchObject({ is: 'owned', epoch: 1 });
  expect(await created).toEqual({ outcome: 'applied', took: 'absent' });
});

describe('while one server of two', () => {
  let faulty: FaultyDns;
  beforeEach(async () => void (faulty = await startFaultyDns({ bind: second })));
  afterEach(() => faulty?.stop());

  /** Fault, and how a try at it ends. */
  const faults: readonly (readonly [DnsFault, RegExp])[] = [
    [{ is: 'refusing' }, /^failed: .*ECONNREFUSED/],
    [{ is: 'silent' }, /^failed: .*3000 ms/],
    [{ is: 'halfOpen' }, /^failed: .*3000 ms/],
    [{ is: 'slow', delayMs: 5_000 }, /^failed: .*3000 ms/],
    [{ is: 'formerr' }, /^unauthenticated: FORMERR/],
    [{ is: 'servfail' }, /^unauthenticated: SERVFAIL/],
  ];
  test.each(faults)('is %j the other one has the record at once, and it has it when it is well again', async (fault, words) => {
    await faulty.set(fault);
    const sick = { ...targetOf(second), server: { host: faulty.address, port: faulty.port } };
    const record = aRecord();
    const tries: string[] = [];
    const done = Promise.withResolvers<void>();
    const tried = Promise.withResolvers<void>();
    const onOutcome = ({ server, result }: ServerOutcome): void => {
      if (server.port === bind.port && result.outcome === 'applied') done.resolve();
    };
    const onTry = ({ server, result }: ServerOutcome): void => {
      if (server.port !== faulty.port) return;
      tries.push(outcomeInWords(result));
      tried.resolve();
    };
    const publisher = createPublisher(ports, endless);
    const both = publisher.publish(record, [sick, target], { from: 'absent', onOutcome, onTry }, signal);
    await done.promise;
    // The sick one has not even ended its first try, unless it says at once that it is sick.
    if (!['refusing', 'formerr', 'servfail'].includes(fault.is)) expect(tries).toEqual([]);
    expect(await bind.addressesOf(record.name)).toEqual(['10.1.2.3']);
    await tried.promise;
    expect(tries[0]).toMatch(words);
    await faulty.set({ is: 'none' });
    expect((await both).map(({ result }) => result.outcome)).toEqual([expect.stringMatching(/^(applied|unchanged)$/), 'applied']);
    expect(await second.addressesOf(record.name)).toEqual(['10.1.2.3']);
  });

  test('takes the UPDATE of a deposed member late, that one fails by its prerequisite', async () => {
    const sick = { ...targetOf(second), server: { host: faulty.address, port: faulty.port } };
    const old = aRecord({ epoch: 3 });
    const now = { ...old, epoch: 4, address: '10.1.2.4' };
    await setFailoverRecord(targetOf(second), { ...old, epoch: 2 }, 'absent', ports, signal);
    await faulty.set({ is: 'slow', delayMs: 1_500 });
    const before = faulty.requests;
    const late = setFailoverRecord(sick, old, 2, ports, signal);
    await expect.poll(() => faulty.requests, { timeout: 30_000 }).toBeGreaterThan(before);
    // The new leader reaches the server by another way meanwhile; it expected the epoch before its own, and looks.
    expect(await setFailoverRecord(targetOf(second), now, 3, ports, signal)).toEqual({ outcome: 'applied', took: 2 });
    expect(await late).toEqual({ outcome: 'superseded', epoch: 4 });
    expect(await second.addressesOf(old.name)).toEqual(['10.1.2.4']);
  });
});

test.each<[string, number | undefined, RecordOutcome['outcome'], number]>([
  ['FORMERR, signed', 1, 'refused', 1],
  ['SERVFAIL, signed', 2, 'refused', 4],
  ['NOTIMP, signed', 4, 'refused', 1],
  ['REFUSED, signed', 5, 'refused', 1],
  ['NOTAUTH, signed', 9, 'refused', 1],
  ['NOTZONE, signed', 10, 'refused', 1],
  ['FORMERR, unsigned', 1, 'unauthenticated', 4],
  ['NOTIMP, unsigned', 4, 'unauthenticated', 4],
  ['NOERROR, unsigned', 0, 'unauthenticated', 4],
  ['nothing', undefined, 'failed', 4],
])('a server that says %s (%s) ends as %s after %s tries', async (what, rcode, outcome, attempts) => {
  const { key } = target;
  const signature = what.endsWith(', signed') ? { signature: { key } } : {};
  const to = await script((socket, request) => {
    if (rcode === undefined) socket.destroy();
    else socket.write(answerTo(request, { rcode, ...signature }));
  });
  const [ended] = await createPublisher(ports, quick).publish(aRecord(), [to], { from: 'absent' }, signal);
  expect(ended).toMatchObject({ result: { outcome }, attempts });
});

test('two updates of one zone to one server never overlap', async () => {
  const { key } = target;
  let open = 0;
  let openMax = 0;
  const to = await script((socket, request) => {
    open += 1;
    openMax = Math.max(openMax, open);
    setTimeout(() => {
      open -= 1;
      socket.write(answerTo(request, { rcode: 0, signature: { key } }));
    }, 20);
  });
  const publisher = createPublisher(ports, quick);
  const records = Array.from({ length: 8 }, () => aRecord());
  await Promise.all(records.map((record) => publisher.publish(record, [to], { from: 'absent' }, signal)));
  expect(to.script.requests).toHaveLength(8);
  expect(openMax).toBe(1);
});

describe('publishing to several servers', () => {
  test('reaches those that are there while one is silent and one is gone, and tells of each at once', async () => {
    const silent = await script(() => undefined);
    const gone = { ...target, server: { host: '127.0.0.1', port: 1 } };
    const record = aRecord();
    const heard: ServerOutcome[] = [];
    const stop = new AbortController();
    const bothThere = Promise.withResolvers<void>();
    const onOutcome = (outcome: ServerOutcome): void => {
      heard.push(outcome);
      if (heard.length === 2) bothThere.resolve();
    };
    const publisher = createPublisher(ports, { ...quick, attemptsMax: 1_000 });
    const all = publisher.publish(record, [silent, target, gone, targetOf(second)], { from: 'absent', onOutcome }, stop.signal);
    await bothThere.promise;
    expect(heard.map(({ result }) => result.outcome)).toEqual(['applied', 'applied']);
    expect(new Set(heard.map(({ server }) => server.port))).toEqual(new Set([bind.port, second.port]));
    stop.abort(new Error('enough'));
    expect((await all).map(({ result }) => result.outcome)).toEqual(['failed', 'applied', 'failed', 'applied']);
    expect(await second.addressesOf(record.name)).toEqual(['10.1.2.3']);
  });

  test('reaches a server that comes back, and one whose first answer was lost', async () => {
    const record = aRecord();
    await second.halt();
    let tries = 0;
    // Passes the UPDATE on to BIND and loses the answer.
    const lossy = await script((socket, request) => {
      tries += 1;
      void relay(request).then((answer) => (tries === 1 ? socket.destroy() : socket.write(answer)));
    });
    const publisher = createPublisher(ports, { ...quick, attemptsMax: 200 });
    const done = publisher.publish(record, [targetOf(second), lossy], { from: 'absent' }, signal);
    await second.start();
    expect((await done).map(({ result }) => result.outcome)).toEqual(['applied', 'unchanged']);
    expect(await second.addressesOf(record.name)).toEqual(['10.1.2.3']);
  });

  test('gives up after its tries, and at once when the server said a signed no', async () => {
    const publisher = createPublisher(ports, quick);
    const gone = { ...target, server: { host: '127.0.0.1', port: 1 } };
    const elsewhere = { zone: 'other.test', name: 'a.other.test' };
    const [failed] = await publisher.publish(aRecord(), [gone], { from: 'absent' }, signal);
    expect(failed).toMatchObject({ result: { outcome: 'failed', error: { code: 'HK_DNS_UNREACHABLE' } }, attempts: 4 });
    const [refused] = await publisher.publish(aRecord(elsewhere), [target], { from: 'absent' }, signal);
    expect(refused).toMatchObject({ result: { outcome: 'refused', rcode: 'NOTAUTH' }, attempts: 1 });
    for (const wrong of [{ name: 'a..b' }, { zone: 'a b' }, { address: 'member-a' }, { epoch: 1.5 }]) {
      const [unwritten] = await publisher.publish(aRecord(wrong), [target], { from: 'absent' }, signal);
      expect(unwritten).toMatchObject({ result: { outcome: 'failed', error: { retry: 'never' } } });
    }
    const badKey = { ...targetOf(second), key: { name: 'k', secret: new Secret('no base 64') } };
    const [key, good] = await publisher.publish(aRecord(), [badKey, target], { from: 'absent' }, signal);
    expect(key).toMatchObject({ result: { outcome: 'failed', error: { code: 'HK_DNS_KEY_INVALID' } }, attempts: 1 });
    expect(good).toMatchObject({ result: { outcome: 'applied' } });
    const tries: string[] = [];
    const onTry = ({ result }: ServerOutcome): void => void tries.push(result.outcome);
    const foreignKey = targetOf(bind, { name: 'hallkeeper', secret: second.key.secret });
    const [wrongKey] = await publisher.publish(aRecord(), [foreignKey], { from: 'absent', onTry }, signal);
    expect(tries).toEqual(Array(4).fill('unauthenticated'));
    expect(wrongKey).toMatchObject({ result: { outcome: 'unauthenticated', tsigError: 'BADSIG' } });
  });

  test('one that leaves the queue of its zone does not let the next one pass the one that runs', async () => {
    let connections = 0;
    const first = Promise.withResolvers<void>();
    const silent = await script(() => {
      connections += 1;
      first.resolve();
    });
    const publisher = createPublisher(ports, { ...quick, attemptsMax: 1_000 });
    const stop = new AbortController();
    const leaves = new AbortController();
    const runs = publisher.publish(aRecord(), [silent], { from: 'absent' }, stop.signal);
    await first.promise;
    const left = publisher.publish(aRecord(), [silent], { from: 'absent' }, leaves.signal);
    leaves.abort(new Error('enough'));
    await left;
    const next = publisher.publish(aRecord(), [silent], { from: 'absent' }, AbortSignal.any([stop.signal, AbortSignal.timeout(200)]));
    await next;
    expect(connections).toBe(1);
    stop.abort(new Error('enough'));
    await runs;
  });

  test('a later epoch takes the place of one that still waits for its server; an earlier one does not start', async () => {
    const silent = await script(() => undefined);
    const record = aRecord();
    const publisher = createPublisher(ports, { ...quick, attemptsMax: 1_000 });
    const stop = new AbortController();
    const old = publisher.publish({ ...record, epoch: 4 }, [silent], { from: 3 }, stop.signal);
    const later = publisher.publish({ ...record, epoch: 5 }, [silent], { from: 4 }, stop.signal);
    expect((await old)[0]).toMatchObject({ result: { outcome: 'superseded', epoch: 5 } });
    const [late] = await publisher.publish({ ...record, epoch: 4 }, [silent], { from: 3 }, stop.signal);
    expect(late).toMatchObject({ result: { outcome: 'superseded', epoch: 5 }, attempts: 0 });
    stop.abort(new Error('enough'));
    expect((await later)[0]).toMatchObject({ result: { outcome: 'failed' } });
  });

  test('many names of one zone at once all arrive', async () => {
    const publisher = createPublisher(ports, quick);
    const records = Array.from({ length: 20 }, () => aRecord());
    const outcomes = await Promise.all(records.map((record) => publisher.publish(record, [target], { from: 'absent' }, signal)));
    expect(outcomes.flat().map(({ result }) => result.outcome)).toEqual(records.map(() => 'applied'));
  });
});

test('a query over UDP passes over forged answers, and asks again when nothing comes', async () => {
  const record = aRecord();
  await setFailoverRecord(target, record, 'absent', ports, signal);
  // Stands before BIND: loses the first query, and to the second sends rubbish, a wrong id and another question before the truth.
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let asked = 0;
  socket.on('message', (request, { port }) => {
    asked += 1;
    if (asked === 1) return;
    const send = (bytes: Buffer): void => socket.send(bytes, port, '127.0.0.1');
    const wrongId = Buffer.from(request);
    wrongId.writeUInt16BE((request.readUInt16BE(0) + 1) & 0xffff, 0);
    wrongId.writeUInt16BE(0x8400, 2);
    const wrongQuestion = Buffer.from(request);
    wrongQuestion.writeUInt16BE(0x8400, 2);
    wrongQuestion.writeUInt8(0x7a, 13);
    for (const forged of [Buffer.from('rubbish'), Buffer.alloc(40, 0xff), request, wrongId, wrongQuestion]) send(forged);
    void relay(Buffer.concat([Buffer.alloc(2), request])).then((answer) => send(answer.subarray(2)));
  });
  const server = { host: '127.0.0.1', port: socket.address().port };
  const answer = await query(server, { name: record.name, type: 'A', transport: 'udp', maxMs: 20_000 }, ports, signal);
  socket.close();
  expect(answer.records.map(({ data }) => data)).toEqual([{ type: 'A', address: '10.1.2.3' }]);
  expect(asked).toBe(2);
});

/** Sends a framed request to BIND and gives its framed answer. */
async function relay(request: Buffer): Promise<Buffer> {
  const answer = await exchangeTcp(target.server, request.subarray(2), signal);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(answer.length);
  return Buffer.concat([length, answer]);
}
