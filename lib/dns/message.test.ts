import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HallkeeperError } from '#lib/base/errors.ts';
import { decodeMessage, encodeMessage, opcodes, requestOf } from './message.ts';
import type { DnsMessage } from './message.ts';
import { canonicalName, decodeName, encodeName, isInZone, sameName } from './name.ts';
import { addressData, recordTypes } from './record.ts';
import type { DnsRecord, RecordData } from './record.ts';

const question = { name: 'pair.hall.example', typeCode: recordTypes.A, classCode: 1 };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

test('a query has the bytes of RFC 1035', () => {
  const bytes = encodeMessage({ ...requestOf(0xbeef, opcodes.query, question), recursionDesired: true });
  expect(bytes.toString('hex')).toBe(
    hex('beef 0100 0001 0000 0000 0000  04 70616972 04 68616c6c 07 6578616d706c65 00 0001 0001').toString('hex'),
  );
});

test('an answer with compressed names is read', () => {
  const bytes = hex(`beef 8580 0001 0002 0000 0000
    04 70616972 04 68616c6c 07 6578616d706c65 00 0001 0001
    c00c 0005 0001 00000001 0004 01 62 c011
    0162c011 0001 0001 00000001 0004 0a010203`);
  const message = decodeMessage(bytes);
  expect(message).toMatchObject({ id: 0xbeef, response: true, authoritative: true, recursionAvailable: true, rcode: 'NOERROR' });
  expect(message.answers).toEqual([
    { name: 'pair.hall.example', classCode: 1, ttlSeconds: 1, data: { type: 'CNAME', host: 'b.hall.example' } },
    { name: 'b.hall.example', classCode: 1, ttlSeconds: 1, data: { type: 'A', address: '10.1.2.3' } },
  ]);
});

describe('a message is refused', () => {
  const header = 'beef 8000 0001 0000 0000 0000';
  test.each([
    ['shorter than a header', 'beef'],
    ['whose name points at itself', `${header} c00c 0001 0001`],
    ['whose name points forward', `${header} c010 0001 0001 00`],
    ['with two names that point at each other', `${header} 01 61 c010 c00c 0001 0001`],
    ['with a label of unknown kind', `${header} 41 61 00 0001 0001`],
    ['that ends in a label', `${header} 05 61`],
    ['that ends in a pointer', `${header} c0`],
    ['that ends in a question', `${header} 00 0001`],
    ['that promises more records than it has', 'beef 8000 0000 ffff 0000 0000'],
    ['with bytes after its end', `${header} 00 0001 0001 00`],
    ['with an address of three bytes', 'beef 8000 0000 0001 0000 0000 00 0001 0001 00000000 0003 010203'],
    ['with a text over the end of its record', 'beef 8000 0000 0001 0000 0000 00 0010 0001 00000000 0002 0561'],
    ['with data over its end', 'beef 8000 0000 0001 0000 0000 00 0001 0001 00000000 00ff 01'],
    ['with a name as data that is longer than the data says', 'beef 8000 0000 0001 0000 0000 00 0002 0001 00000000 0001 01 61 00'],
  ])('%s', (_what, text) => {
    expect(() => decodeMessage(hex(text))).toThrow(expect.objectContaining({ code: 'HK_DNS_MESSAGE_INVALID' }));
  });
  test('with a name that grows beyond 255 bytes through pointers', () => {
    const labels = `3f${'61'.repeat(63)}`.repeat(3);
    const names = `${labels}00 0001 0001 3f${'62'.repeat(63)} c00c 0001 0001`;
    expect(() => decodeMessage(hex(`beef 8000 0002 0000 0000 0000 ${names}`))).toThrow(/more than 255/);
  });
});

test('any bytes are read or refused with a code of ours', () => {
  const wild = fc.uint8Array({ maxLength: 400 });
  const mutated = fc.tuple(fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 8 }), fc.nat(200)).map(([changes, cut]) => {
    const bytes = encodeMessage(sample());
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return bytes.subarray(0, bytes.length - (cut > 150 ? cut - 150 : 0));
  });
  fc.assert(
    fc.property(fc.oneof(wild, mutated), (bytes) => {
      try {
        decodeMessage(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(HallkeeperError);
        expect((error as HallkeeperError).code).toBe('HK_DNS_MESSAGE_INVALID');
      }
    }),
    { numRuns: 2_000 },
  );
});

const label = fc.uint8Array({ minLength: 1, maxLength: 20 });
const name = fc.array(label, { maxLength: 6 }).map((labels) => decodeName(wireOf(labels), 0).name);
const uint32 = fc.nat(2 ** 32 - 1);
const data: fc.Arbitrary<RecordData> = fc.oneof(
  fc.ipV4().map((address) => ({ type: 'A' as const, address })),
  fc.ipV6().map((address) => addressData(address)),
  fc
    .array(fc.uint8Array({ maxLength: 255 }), { minLength: 1, maxLength: 3 })
    .map((texts) => ({ type: 'TXT' as const, texts: texts.map((text) => Buffer.from(text).toString('latin1')) })),
  name.map((host) => ({ type: 'NS' as const, host })),
  fc.constant({ type: 'empty' as const, code: 255 }),
  fc.uint8Array({ minLength: 1, maxLength: 30 }).map((bytes) => ({ type: 'other' as const, code: 99, bytes: Buffer.from(bytes) })),
  fc.tuple(name, name, uint32).map(([primary, mailbox, serial]) => ({
    type: 'SOA' as const,
    primary,
    mailbox,
    serial,
    refreshSeconds: 1,
    retrySeconds: 2,
    expireSeconds: 3,
    minimumSeconds: 4,
  })),
);
const record: fc.Arbitrary<DnsRecord> = fc.record({ name, classCode: fc.nat(0xffff), ttlSeconds: uint32, data });
const message: fc.Arbitrary<DnsMessage> = fc.record({
  id: fc.nat(0xffff),
  response: fc.boolean(),
  opcode: fc.nat(15),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  rcode: fc.constantFrom('NOERROR' as const, 'NOTZONE' as const, 'RCODE14' as const),
  questions: fc.array(fc.record({ name, typeCode: fc.nat(0xffff), classCode: fc.nat(0xffff) }), { maxLength: 2 }),
  answers: fc.array(record, { maxLength: 3 }),
  authorities: fc.array(record, { maxLength: 3 }),
  additionals: fc.array(record, { maxLength: 3 }),
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(message, (written) => {
      const { lastRecordAt, ...read } = decodeMessage(encodeMessage(written));
      expect(read).toEqual(written);
      expect(lastRecordAt === undefined).toBe(written.additionals.length === 0);
    }),
  );
});

test('any text is a name that reads back equal, or is refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', '.', '\\', '0', '2', 'é') })), (text) => {
      try {
        expect(sameName(decodeName(encodeName(text), 0).name, text)).toBe(true);
      } catch (error) {
        expect((error as HallkeeperError).code).toBe('HK_DNS_NAME_INVALID');
      }
    }),
    { numRuns: 1_000 },
  );
});

test.each([
  ['Pair.Hall.EXAMPLE.', 'pair.hall.example'],
  ['.', ''],
  [String.raw`a\.b.c`, String.raw`a\.b.c`],
  [String.raw`\097`, 'a'],
])('the canonical form of %s is %s', (text, canonical) => expect(canonicalName(text)).toBe(canonical));

test.each(['a..b', '.a', 'a b', 'ä', '\\', String.raw`\256`, String.raw`a\1`, 'x'.repeat(64), 'x.'.repeat(128)])(
  '%s is no name',
  (text) => {
    expect(() => encodeName(text)).toThrow(expect.objectContaining({ code: 'HK_DNS_NAME_INVALID' }));
  },
);

test('a name lies in a zone label by label', () => {
  expect(isInZone('a.Hall.example', 'hall.EXAMPLE.')).toBe(true);
  expect(isInZone('hall.example', 'hall.example')).toBe(true);
  expect(isInZone('xhall.example', 'hall.example')).toBe(false);
  expect(isInZone(String.raw`x\.hall.example`, 'hall.example')).toBe(false);
  expect(isInZone(String.raw`x\\.hall.example`, 'hall.example')).toBe(true);
  expect(isInZone('a.b', '')).toBe(true);
});

test.each(['::', '::1', '1::', 'fd00::1:2', '1:2:3:4:5:6:7:8', '::ffff:10.1.2.3', '1:2:3:4:5:6:10.1.2.3'])(
  '%s is written and read',
  (address) => {
    const read = decodeMessage(
      encodeMessage({
        ...requestOf(1, 0, question),
        answers: [{ name: 'a', classCode: 1, ttlSeconds: 0, data: { type: 'AAAA', address } }],
      }),
    );
    expect(read.answers[0]?.data).toEqual(addressData(address));
  },
);

test.each(['fe80::1%eth0', '10.0.0', 'pair', ''])('"%s" is no address', (text) => {
  expect(() => addressData(text)).toThrow(expect.objectContaining({ code: 'HK_DNS_RECORD_INVALID' }));
});

test('texts are bounded', () => {
  const txt = (texts: readonly string[]) => (): Buffer =>
    encodeMessage({ ...requestOf(1, 0, question), answers: [{ name: 'a', classCode: 1, ttlSeconds: 0, data: { type: 'TXT', texts } }] });
  for (const texts of [[], ['x'.repeat(256)], ['€'], Array.from({ length: 300 }, () => 'x'.repeat(255))]) {
    expect(txt(texts)).toThrow(expect.objectContaining({ code: 'HK_DNS_RECORD_INVALID' }));
  }
});

function wireOf(labels: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...labels.map((bytes) => Buffer.from([bytes.length, ...bytes])), Buffer.of(0)]);
}

function sample(): DnsMessage {
  const records: RecordData[] = [
    { type: 'A', address: '10.1.2.3' },
    { type: 'AAAA', address: 'fd00::1' },
    { type: 'TXT', texts: ['hallkeeper pair=x epoch=1'] },
    { type: 'SOA', primary: 'ns.x', mailbox: 'h.x', serial: 1, refreshSeconds: 1, retrySeconds: 1, expireSeconds: 1, minimumSeconds: 1 },
    { type: 'NS', host: 'ns.x' },
  ];
  return { ...requestOf(7, 5, question), answers: records.map((entry) => ({ name: 'a.x', classCode: 1, ttlSeconds: 1, data: entry })) };
}
