import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { silentLog } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { startBind } from '#test/cluster/bind.ts';
import { startKnot } from '#test/cluster/knot.ts';
import type { NameServer } from '#test/cluster/name-server.ts';
import { readNameState, setFailoverRecord } from './act-failover-record.ts';
import type { UpdateTarget } from './act-failover-record.ts';
import { buildFailoverRemoval, buildFailoverUpdate } from './failover-record.ts';
import type { FailoverRecord } from './failover-record.ts';
import { query, queryAddresses } from './query.ts';
import type { RecordData } from './record.ts';
import { addRecord, deleteType, nameInUse, sendUpdate, typeNotInUse } from './update.ts';
import type { UpdateResult } from './update.ts';

/** One table of behaviours, kept by every server that we say we support. What differs stands in docs/dns.md, and here. */
const run = promisify(execFile);
const ports = { clock: systemClock, random: systemRandom, log: silentLog };
const signal = new AbortController().signal;

interface Flavour {
  readonly name: string;
  readonly start: typeof startBind;
  /** What it says about a zone that it does not serve, and of a name that the key may not change. */
  readonly unknownZone: object;
  readonly noRight: object;
}

const flavours: readonly Flavour[] = [
  {
    name: 'BIND',
    start: startBind,
    unknownZone: { result: 'refused', rcode: 'NOTAUTH' },
    noRight: { result: 'refused', rcode: 'REFUSED' },
  },
  {
    name: 'Knot',
    start: startKnot,
    unknownZone: { result: 'unauthenticated', rcode: 'NOTAUTH', says: 'it is not signed' },
    // None of the rules of the zone matches, so no key does: no right looks like a wrong key.
    noRight: { result: 'unauthenticated', rcode: 'NOTAUTH', tsigError: 'BADKEY' },
  },
];

describe.each(flavours)('$name', ({ start, unknownZone, noRight }) => {
  let server: NameServer;
  let target: UpdateTarget;
  let count = 0;

  beforeAll(async () => {
    server = await start({ keyNames: ['hallkeeper', 'narrow'], onlyFor: { narrow: 'narrow' } });
    target = targetOf(server);
  });
  afterAll(() => server?.stop());

  /** A record under a name of its own. */
  const aRecord = (change: Partial<FailoverRecord> = {}): FailoverRecord => {
    count += 1;
    const name = `pair-${count}.${server.zone}`;
    return { zone: server.zone, name, ttlSeconds: 1, address: '10.1.2.3', pairUid: 'uid-1', epoch: 1, ...change };
  };

  const dig = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('dig', [`@${server.address}`, '-p', String(server.port), '+norecurse', ...args], { timeout: 20_000 });
    return stdout.trim();
  };

  describe('a record', () => {
    test('is set and moved in one round trip each, and dig sees address, TTL and owner', async () => {
      const first = aRecord();
      expect(await setFailoverRecord(target, first, 'absent', ports, signal)).toEqual({ outcome: 'applied', took: 'absent' });
      expect(await dig('+noall', '+answer', first.name, 'A')).toMatch(new RegExp(String.raw`^${first.name}\.\s+1\s+IN\s+A\s+10\.1\.2\.3$`));
      const moved = { ...first, address: '10.1.2.4', epoch: 2 };
      expect(await setFailoverRecord(target, moved, 1, ports, signal)).toEqual({ outcome: 'applied', took: 1 });
      expect(await dig('+short', first.name, 'A')).toBe('10.1.2.4');
      expect(await dig('+short', first.name, 'TXT')).toBe('"hallkeeper pair=uid-1 epoch=2"');
    });

    test('moves between IPv4 and IPv6 and leaves no old address', async () => {
      const first = aRecord();
      await setFailoverRecord(target, first, 'absent', ports, signal);
      await setFailoverRecord(target, { ...first, address: 'fd00::4', epoch: 2 }, 1, ports, signal);
      expect([await dig('+short', first.name, 'A'), await dig('+short', first.name, 'AAAA')]).toEqual(['', 'fd00::4']);
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
      expect(await dig('+short', late.name, 'A')).toBe('10.1.2.4');
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
      expect(await dig('+short', record.name, 'A')).toBe('10.1.2.3');
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
      expect(await dig(record.name, type)).toContain(text);
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

    test('of several writers of one epoch, as the member and the operator are, each finds it done', async () => {
      const before = aRecord({ epoch: 4, address: '10.1.2.9' });
      await setFailoverRecord(target, before, 'absent', ports, signal);
      const now = { ...before, epoch: 5, address: '10.1.2.3' };
      const from = [4, undefined, 4, undefined, 4, undefined];
      const outcomes = await Promise.all(from.map((epoch) => setFailoverRecord(target, now, epoch, ports, signal)));
      expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['applied', 'unchanged']));
      expect(await dig('+short', before.name, 'A')).toBe('10.1.2.3');
    });

    test('of many writers at once the highest epoch wins, and each knows how it ended', async () => {
      const record = aRecord();
      const epochs = [3, 7, 1, 8, 5, 2, 6, 4];
      const outcomes = await Promise.all(
        epochs.map((epoch) => setFailoverRecord(target, { ...record, epoch, address: `10.1.2.${epoch}` }, undefined, ports, signal)),
      );
      // Somebody may have found the name change under each look; the last word is always the highest epoch's.
      await setFailoverRecord(target, { ...record, epoch: 8, address: '10.1.2.8' }, undefined, ports, signal);
      expect(await dig('+short', record.name, 'A')).toBe('10.1.2.8');
      expect(outcomes.every(({ outcome }) => ['applied', 'superseded', 'failed'].includes(outcome))).toBe(true);
      expect(await setFailoverRecord(target, { ...record, epoch: 7 }, undefined, ports, signal)).toEqual({
        outcome: 'superseded',
        epoch: 8,
      });
    });
  });

  describe('an UPDATE that is not taken', () => {
    const update = (key: UpdateTarget['key'], record: FailoverRecord, clock: Clock = systemClock): Promise<UpdateResult> =>
      sendUpdate(target.server, buildFailoverUpdate(record, 'absent'), key, { ...ports, clock }, signal);

    test('because the secret is wrong is unauthenticated, and says NOTAUTH and BADSIG', async () => {
      const key = { name: target.key.name, secret: new Secret(randomBytes(32).toString('base64')) };
      expect(await update(key, aRecord())).toMatchObject({ result: 'unauthenticated', rcode: 'NOTAUTH', tsigError: 'BADSIG' });
    });
    test('because it does not know the key is unauthenticated, and says BADKEY', async () => {
      const found = await update({ ...target.key, name: 'nobody' }, aRecord());
      expect(found).toMatchObject({ result: 'unauthenticated', rcode: 'NOTAUTH', tsigError: 'BADKEY' });
    });
    test('because it does not serve the zone says NOTAUTH', async () => {
      expect(await update(target.key, aRecord({ zone: 'other.test', name: 'a.other.test' }))).toMatchObject(unknownZone);
    });
    test('because the key may not change the name is refused', async () => {
      const narrow = targetOf(server, server.keys[1]);
      expect(await update(narrow.key, aRecord())).toMatchObject(noRight);
    });
    test('because the name lies outside the zone is not even sent', async () => {
      await expect(update(target.key, aRecord({ name: 'a.other.test' }))).rejects.toMatchObject({ code: 'HK_DNS_RECORD_INVALID' });
    });
  });

  test.each([
    ['behind', -3_600_000],
    ['ahead', 3_600_000],
  ])('a member whose clock is an hour %s writes and reads all the same, and says it', async (_what, offMs) => {
    const record = aRecord();
    const clock = { ...systemClock, wallMs: () => systemClock.wallMs() + offMs };
    const off = { ...ports, clock };
    const result = await sendUpdate(target.server, buildFailoverUpdate(record, 'absent'), target.key, off, signal);
    expect(result).toMatchObject({ result: 'applied' });
    expect(Math.abs((result.result === 'applied' ? (result.serverAheadMs ?? 0) : 0) + offMs)).toBeLessThan(60_000);
    expect(await readNameState(target, record.name, off, signal)).toMatchObject({ is: 'owned', epoch: 1, addresses: ['10.1.2.3'] });
    expect(await dig('+short', record.name, 'A')).toBe('10.1.2.3');
  });

  test('a key that may set addresses and texts of one name is enough for all that a member and the operator do', async () => {
    const narrow = targetOf(server, server.keys[1]);
    const record = aRecord({ name: `narrow.${server.zone}` });
    expect(await setFailoverRecord(narrow, record, 'absent', ports, signal)).toEqual({ outcome: 'applied', took: 'absent' });
    const moved = { ...record, address: 'fd00::7', epoch: 2 };
    expect(await setFailoverRecord(narrow, moved, 1, ports, signal)).toEqual({ outcome: 'applied', took: 1 });
    expect(await setFailoverRecord(narrow, moved, undefined, ports, signal)).toEqual({ outcome: 'unchanged' });
    expect(await sendUpdate(narrow.server, buildFailoverRemoval(moved), narrow.key, ports, signal)).toEqual({ result: 'applied' });
  });

  test('a TTL that somebody changed by hand is put back', async () => {
    const record = aRecord();
    await setFailoverRecord(target, record, 'absent', ports, signal);
    const data = { type: 'A', address: record.address } as const;
    const updates = [deleteType(record.name, 'A'), addRecord(record.name, 3_600, data)];
    await sendUpdate(target.server, { zone: record.zone, prerequisites: [], updates }, target.key, ports, signal);
    expect(await dig('+noall', '+answer', record.name, 'A')).toMatch(/\s3600\s+IN\s+A\s/);
    expect(await setFailoverRecord(target, record, undefined, ports, signal)).toEqual({ outcome: 'applied', took: 1 });
    expect(await dig('+noall', '+answer', record.name, 'A')).toMatch(/\s1\s+IN\s+A\s/);
    // The other way round the TTL of the address falls while its data stays.
    const later = { ...record, ttlSeconds: 30, epoch: 2 };
    expect(await setFailoverRecord(target, later, 1, ports, signal)).toEqual({ outcome: 'applied', took: 1 });
    expect(await setFailoverRecord(target, { ...later, ttlSeconds: 5 }, undefined, ports, signal)).toEqual({ outcome: 'applied', took: 2 });
    expect(await dig('+noall', '+answer', record.name, 'A')).toMatch(/\s5\s+IN\s+A\s/);
  });

  test('a name is one whatever the case of its letters', async () => {
    const record = aRecord();
    await setFailoverRecord(target, { ...record, name: record.name.toUpperCase() }, 'absent', ports, signal);
    expect(await setFailoverRecord(target, record, undefined, ports, signal)).toEqual({ outcome: 'unchanged' });
  });

  test('what was set outlives the end of the server, also one without a word', async () => {
    const record = aRecord({ epoch: 5 });
    await setFailoverRecord(target, record, 'absent', ports, signal);
    await server.kill();
    await server.start();
    expect(await setFailoverRecord(target, { ...record, epoch: 4, address: '10.1.2.9' }, undefined, ports, signal)).toEqual({
      outcome: 'superseded',
      epoch: 5,
    });
    expect(await dig('+short', record.name, 'A')).toBe('10.1.2.3');
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
      const texts = Array.from({ length: 6 }, (_unused, index) =>
        addRecord(name, 1, { type: 'TXT', texts: [`${index}${'x'.repeat(200)}`] }),
      );
      await sendUpdate(target.server, { zone, prerequisites: [], updates: texts }, target.key, ports, signal);
      const answer = await query(target.server, { name, type: 'TXT', transport: 'udp', maxMs: 20_000 }, ports, signal);
      expect(answer.records).toHaveLength(6);
    });
    test('reads the SOA and name servers of the zone, and NXDOMAIN as an answer', async () => {
      const ask = (name: string, type: 'SOA' | 'NS' | 'A'): ReturnType<typeof query> =>
        query(target.server, { name, type, transport: 'udp', maxMs: 20_000 }, ports, signal);
      expect((await ask(server.zone, 'SOA')).records[0]?.data).toMatchObject({
        type: 'SOA',
        primary: `ns.${server.zone}`,
        refreshSeconds: 3_600,
      });
      expect((await ask(server.zone, 'NS')).records[0]?.data).toEqual({ type: 'NS', host: `ns.${server.zone}` });
      expect(await ask(`nobody.${server.zone}`, 'A')).toMatchObject({ rcode: 'NXDOMAIN', records: [] });
    });
    test('signed by a wrong key is not believed', async () => {
      const wrong = { name: target.key.name, secret: new Secret('AAAA') };
      await expect(readNameState({ ...target, key: wrong }, `x.${server.zone}`, ports, signal)).rejects.toMatchObject({
        code: 'HK_DNS_UNAUTHENTICATED',
      });
    });
  });
});

const targetOf = (server: NameServer, key = server.key): UpdateTarget => ({
  server: { host: server.address, port: server.port },
  key: { name: key.name, secret: new Secret(key.secret) },
});
