import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { silentLog } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { startBind } from '#test/cluster/bind.ts';
import type { Bind } from '#test/cluster/bind.ts';
import { readNameState, setFailoverRecord } from './act-failover-record.ts';
import type { UpdateTarget } from './act-failover-record.ts';
import { exchangeTcp } from './exchange.ts';
import { buildFailoverRemoval, buildFailoverUpdate } from './failover-record.ts';
import type { FailoverRecord } from './failover-record.ts';
import { createPublisher } from './publish.ts';
import type { ServerOutcome } from './publish.ts';
import { query, queryAddresses } from './query.ts';
import type { RecordData } from './record.ts';
import { addRecord, nameInUse, sendUpdate, typeNotInUse } from './update.ts';

const run = promisify(execFile);
const ports = { clock: systemClock, random: systemRandom, log: silentLog };
const signal = new AbortController().signal;
const quick = { firstMs: 20, maxMs: 200, jitterPercent: 20, attemptsMax: 4 };

let bind: Bind;
let second: Bind;
let target: UpdateTarget;
let count = 0;

beforeAll(async () => {
  bind = await startBind({ keyNames: ['hallkeeper', 'other'] });
  second = await startBind();
  target = targetOf(bind);
});
afterAll(async () => {
  await bind.stop();
  await second.stop();
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

async function dig(server: Bind, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('dig', [`@${server.address}`, '-p', String(server.port), '+norecurse', ...args], { timeout: 20_000 });
  return stdout.trim();
}

describe('a record at BIND', () => {
  test('is set and moved in one round trip each, and dig sees address, TTL and owner', async () => {
    const first = aRecord();
    expect(await setFailoverRecord(target, first, 'absent', ports, signal)).toEqual({ outcome: 'applied', took: 'absent' });
    expect(await dig(bind, '+noall', '+answer', first.name, 'A')).toMatch(
      new RegExp(String.raw`^${first.name}\.\s+1\s+IN\s+A\s+10\.1\.2\.3$`),
    );
    const moved = { ...first, address: '10.1.2.4', epoch: 2 };
    expect(await setFailoverRecord(target, moved, 1, ports, signal)).toEqual({ outcome: 'applied', took: 1 });
    expect(await dig(bind, '+short', first.name, 'A')).toBe('10.1.2.4');
    expect(await dig(bind, '+short', first.name, 'TXT')).toBe('"hallkeeper pair=uid-1 epoch=2"');
  });

  test('moves between IPv4 and IPv6 and leaves no old address', async () => {
    const first = aRecord();
    await setFailoverRecord(target, first, 'absent', ports, signal);
    await setFailoverRecord(target, { ...first, address: 'fd00::4', epoch: 2 }, 1, ports, signal);
    expect([await dig(bind, '+short', first.name, 'A'), await dig(bind, '+short', first.name, 'AAAA')]).toEqual(['', 'fd00::4']);
  });

  test('is not moved back by the late UPDATE of an older epoch, neither blind nor after looking', async () => {
    const late = aRecord({ epoch: 2 });
    const now = { ...late, address: '10.1.2.4', epoch: 3 };
    await setFailoverRecord(target, now, 'absent', ports, signal);
    for (const from of [1, 2, 'absent'] as const) {
      expect(await sendUpdate(target.server, buildFailoverUpdate(late, from), target.key, ports, signal)).toMatchObject({
        result: 'prerequisiteFailed',
        rcode: from === 'absent' ? 'YXDOMAIN' : 'NXRRSET',
      });
    }
    for (const from of [1, 'absent', undefined] as const) {
      expect(await setFailoverRecord(target, late, from, ports, signal)).toEqual({ outcome: 'superseded', epoch: 3 });
    }
    expect(await dig(bind, '+short', late.name, 'A')).toBe('10.1.2.4');
  });

  test('is taken from an older epoch than expected, after looking', async () => {
    const first = aRecord({ epoch: 2 });
    await setFailoverRecord(target, first, 'absent', ports, signal);
    expect(await setFailoverRecord(target, { ...first, epoch: 7 }, 6, ports, signal)).toEqual({ outcome: 'applied', took: 2 });
    expect(await setFailoverRecord(target, { ...first, epoch: 7 }, 6, ports, signal)).toEqual({ outcome: 'unchanged' });
  });

  test('is mended when somebody changed the address by hand', async () => {
    const record = aRecord();
    await setFailoverRecord(target, record, 'absent', ports, signal);
    const byHand = {
      zone: record.zone,
      prerequisites: [nameInUse(record.name)],
      updates: [addRecord(record.name, 60, { type: 'A', address: '10.9.9.9' })],
    };
    expect(await sendUpdate(target.server, byHand, target.key, ports, signal)).toEqual({ result: 'applied' });
    expect(await setFailoverRecord(target, record, undefined, ports, signal)).toEqual({ outcome: 'applied', took: 1 });
    expect(await dig(bind, '+short', record.name, 'A')).toBe('10.1.2.3');
  });

  test.each([
    ['of another pair', 'TXT', 'hallkeeper pair=uid-9 epoch=1'],
    ['with a TXT of somebody', 'TXT', 'v=spf1 -all'],
    ['that is an alias', 'CNAME', 'elsewhere.example'],
    ['with records of another type', 'HINFO', 'anything'],
    ['that is delegated', 'NS', 'ns.example'],
  ])('is never set over a name %s', async (_what, type, text) => {
    const record = aRecord({ epoch: 99 });
    const data: RecordData =
      type === 'TXT'
        ? { type, texts: [text] }
        : type === 'HINFO'
          ? { type: 'other', code: 13, bytes: Buffer.from(`\x08${text}\x00`, 'latin1') }
          : { type: type as 'NS' | 'CNAME', host: text };
    const strange = { zone: record.zone, prerequisites: [typeNotInUse(record.name, 'A')], updates: [addRecord(record.name, 60, data)] };
    expect(await sendUpdate(target.server, strange, target.key, ports, signal)).toEqual({ result: 'applied' });
    expect(await setFailoverRecord(target, record, 'absent', ports, signal)).toMatchObject({ outcome: 'foreign' });
    expect(await dig(bind, record.name, type)).toContain(text);
  });

  test('is given up only by the epoch that has it', async () => {
    const record = aRecord({ epoch: 4 });
    await setFailoverRecord(target, record, 'absent', ports, signal);
    expect(await sendUpdate(target.server, buildFailoverRemoval({ ...record, epoch: 3 }), target.key, ports, signal)).toMatchObject({
      result: 'prerequisiteFailed',
    });
    expect(await sendUpdate(target.server, buildFailoverRemoval(record), target.key, ports, signal)).toEqual({ result: 'applied' });
    expect(await readNameState(target, record.name, ports, signal)).toEqual({ is: 'absent' });
  });

  test('of many writers at once the highest epoch wins, and each knows how it ended', async () => {
    const record = aRecord();
    const epochs = [3, 7, 1, 8, 5, 2, 6, 4];
    const outcomes = await Promise.all(
      epochs.map((epoch) => setFailoverRecord(target, { ...record, epoch, address: `10.1.2.${epoch}` }, undefined, ports, signal)),
    );
    // Somebody may have found the name change under each look; the last word is always the highest epoch's.
    await setFailoverRecord(target, { ...record, epoch: 8, address: '10.1.2.8' }, undefined, ports, signal);
    expect(await dig(bind, '+short', record.name, 'A')).toBe('10.1.2.8');
    expect(outcomes.every(({ outcome }) => ['applied', 'superseded', 'failed'].includes(outcome))).toBe(true);
    expect(await setFailoverRecord(target, { ...record, epoch: 7 }, undefined, ports, signal)).toEqual({ outcome: 'superseded', epoch: 8 });
  });
});

describe('an UPDATE that BIND does not take', () => {
  const update = (key: UpdateTarget['key'], record: FailoverRecord, clock: Clock = systemClock): ReturnType<typeof sendUpdate> =>
    sendUpdate(target.server, buildFailoverUpdate(record, 'absent'), key, { ...ports, clock }, signal);

  test('because the secret is wrong is unauthenticated, and says NOTAUTH and BADSIG', async () => {
    const key = { name: target.key.name, secret: new Secret(randomBytes(32).toString('base64')) };
    expect(await update(key, aRecord())).toMatchObject({ result: 'unauthenticated', rcode: 'NOTAUTH', tsigError: 'BADSIG' });
  });
  test('because it does not know the key is unauthenticated, and says BADKEY', async () => {
    expect(await update({ ...target.key, name: 'nobody' }, aRecord())).toMatchObject({
      result: 'unauthenticated',
      rcode: 'NOTAUTH',
      tsigError: 'BADKEY',
    });
  });
  test.each([
    ['behind', -3_600_000],
    ['ahead', 3_600_000],
  ])('because our clock is an hour %s is refused with BADTIME and tells the difference', async (_what, offMs) => {
    const record = aRecord();
    const clock = { ...systemClock, wallMs: () => systemClock.wallMs() + offMs };
    const result = await update(target.key, record, clock);
    expect(result).toMatchObject({ result: 'refused', rcode: 'NOTAUTH', tsigError: 'BADTIME' });
    expect(Math.abs((result.result === 'refused' ? (result.serverAheadMs ?? 0) : 0) + offMs)).toBeLessThan(60_000);
    expect(await dig(bind, '+short', record.name, 'A')).toBe('');
  });
  test('because it does not serve the zone is refused', async () => {
    expect(await update(target.key, aRecord({ zone: 'other.test', name: 'a.other.test' }))).toMatchObject({
      result: 'refused',
      rcode: 'NOTAUTH',
    });
  });
  test('because the name lies outside the zone is not even sent', async () => {
    await expect(update(target.key, aRecord({ name: 'a.other.test' }))).rejects.toMatchObject({ code: 'HK_DNS_RECORD_INVALID' });
  });
});

describe('a query', () => {
  test('over UDP and TCP gives the same, with TTL and authority', async () => {
    const record = aRecord({ ttlSeconds: 7 });
    await setFailoverRecord(target, record, 'absent', ports, signal);
    for (const transport of ['udp', 'tcp'] as const) {
      expect(await queryAddresses(target.server, { name: record.name, transport, maxMs: 20_000 }, ports, signal)).toEqual({
        rcode: 'NOERROR',
        authoritative: true,
        addresses: ['10.1.2.3'],
        ttlSeconds: 7,
      });
    }
  });
  test('goes over to TCP when UDP is too small', async () => {
    const { name, zone } = aRecord();
    const texts = Array.from({ length: 6 }, (_unused, index) => addRecord(name, 1, { type: 'TXT', texts: [`${index}${'x'.repeat(200)}`] }));
    await sendUpdate(target.server, { zone, prerequisites: [], updates: texts }, target.key, ports, signal);
    const answer = await query(target.server, { name, type: 'TXT', transport: 'udp', maxMs: 20_000 }, ports, signal);
    expect(answer.records).toHaveLength(6);
  });
  test('reads the SOA and name servers of the zone, and NXDOMAIN as an answer', async () => {
    const ask = (name: string, type: 'SOA' | 'NS' | 'A'): ReturnType<typeof query> =>
      query(target.server, { name, type, transport: 'udp', maxMs: 20_000 }, ports, signal);
    expect((await ask(bind.zone, 'SOA')).records[0]?.data).toMatchObject({
      type: 'SOA',
      primary: `ns.${bind.zone}`,
      refreshSeconds: 3_600,
    });
    expect((await ask(bind.zone, 'NS')).records[0]?.data).toEqual({ type: 'NS', host: `ns.${bind.zone}` });
    expect(await ask(`nobody.${bind.zone}`, 'A')).toMatchObject({ rcode: 'NXDOMAIN', records: [] });
  });
  test('over UDP passes over forged answers, and asks again when nothing comes', async () => {
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
  test('signed by a wrong key is not believed', async () => {
    const wrong = { name: target.key.name, secret: new Secret('AAAA') };
    await expect(readNameState({ ...target, key: wrong }, `x.${bind.zone}`, ports, signal)).rejects.toMatchObject({
      code: 'HK_DNS_UNAUTHENTICATED',
    });
  });
});

// Servers that misbehave in ways a real one cannot be told to.
const broken: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];
afterEach(async () => {
  for (const { server, sockets } of broken.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
});

async function brokenServer(onData: (socket: Socket, request: Buffer) => void): Promise<UpdateTarget> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data) => onData(socket, data));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  broken.push({ server, sockets });
  return { ...target, server: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } };
}

/** The request turned into an unsigned answer with this code, as a server that cannot read it would send. */
function unsignedAnswer(request: Buffer, rcode: number): Buffer {
  const answer = Buffer.from(request.subarray(0, 14));
  answer.writeUInt16BE(12, 0);
  answer.writeUInt16BE(0xa800 | rcode, 4);
  answer.fill(0, 6);
  return answer;
}

describe('a server that', () => {
  const send = async (to: UpdateTarget, limit = signal): ReturnType<typeof sendUpdate> =>
    sendUpdate(to.server, buildFailoverUpdate(aRecord(), 'absent'), to.key, ports, limit);

  test('says FORMERR or NOERROR without a signature has said nothing certain', async () => {
    for (const [code, rcode] of [
      [1, 'FORMERR'],
      [0, 'NOERROR'],
      [7, 'YXRRSET'],
    ] as const) {
      const to = await brokenServer((socket, request) => socket.write(unsignedAnswer(request, code)));
      expect(await send(to)).toMatchObject({ result: 'unauthenticated', rcode });
    }
  });
  test('closes at once, sends rubbish or another id has failed', async () => {
    for (const onData of [
      (socket: Socket) => socket.destroy(),
      (socket: Socket) => socket.end(Buffer.from([0, 3, 1, 2, 3])),
      (socket: Socket) => socket.end(Buffer.from([255, 255, 1])),
      (socket: Socket, request: Buffer) =>
        socket.write(
          Buffer.concat([unsignedAnswer(request, 0).subarray(0, 2), Buffer.from('ffff', 'hex'), unsignedAnswer(request, 0).subarray(4)]),
        ),
    ]) {
      expect(await send(await brokenServer(onData))).toMatchObject({ result: 'failed' });
    }
  });
  test('sends its answer byte by byte is heard', async () => {
    const to = await brokenServer((socket, request) => {
      for (const byte of unsignedAnswer(request, 5)) socket.write(Buffer.of(byte));
    });
    expect(await send(to)).toMatchObject({ result: 'unauthenticated', rcode: 'REFUSED' });
  });
  test('never answers is left after the limit, or when the signal aborts', async () => {
    const to = await brokenServer(() => undefined);
    expect(await send(to)).toMatchObject({ result: 'failed', error: { code: 'HK_DNS_UNREACHABLE' } });
    expect(await send(to, AbortSignal.abort(new Error('enough')))).toMatchObject({
      result: 'failed',
      error: { code: 'HK_DNS_UNREACHABLE' },
    });
  });
  test('does not listen is unreachable over UDP too', async () => {
    const to = await brokenServer(() => undefined);
    const { server } = broken.pop() ?? {};
    server?.close();
    const asked = query(to.server, { name: 'a.test', type: 'A', transport: 'udp', maxMs: 2_000 }, ports, signal);
    await expect(asked).rejects.toMatchObject({ code: 'HK_DNS_UNREACHABLE' });
  });
});

describe('publishing to several servers', () => {
  test('reaches those that are there while one is silent and one is gone, and tells of each at once', async () => {
    const silent = await brokenServer(() => undefined);
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
    expect(await dig(second, '+short', record.name, 'A')).toBe('10.1.2.3');
  });

  test('reaches a server that comes back, and one whose first answer was lost', async () => {
    const record = aRecord();
    await second.halt();
    let tries = 0;
    // Passes the UPDATE on to BIND and loses the answer.
    const lossy = await brokenServer((socket, request) => {
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
    const silent = await brokenServer(() => {
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
    const silent = await brokenServer(() => undefined);
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

/** Sends a framed request to BIND and gives its framed answer. */
async function relay(request: Buffer): Promise<Buffer> {
  const answer = await exchangeTcp(target.server, request.subarray(2), signal);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(answer.length);
  return Buffer.concat([length, answer]);
}
