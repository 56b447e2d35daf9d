import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HallkeeperError, messageOf } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import { encodeMessage, opcodes, requestOf } from './message.ts';
import { checkTsigKey, signMessage, verifyAnswer } from './tsig.ts';
import type { SignedRequest, TsigKey } from './tsig.ts';

// Both codes were computed without our code, by `openssl dgst -sha256 -mac HMAC -macopt hexkey:…` over the bytes of RFC 8945 4.3.3:
// [length and code of the request |] message | key name, ANY, 0, hmac-sha256, time, fudge, error, other length.
const requestMac = 'd4551dce6478712f45044765b1242765d9f0081126028b8190418d3a3cb14b62';
const answerMac = '4f833ed72a0f664bf827c966ea5e4faa93970b922804713bb503d7bf7664b13c';
const atMs = 1_700_000_000_000;
const key: TsigKey = { name: 'Hallkeeper', secret: new Secret(Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')) };
const zone = { name: 'hall.test', typeCode: 6, classCode: 1 };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

const request = signMessage(encodeMessage(requestOf(0x1234, opcodes.update, zone)), key, atMs);

interface AnswerParts {
  readonly id: string;
  readonly rcode: string;
  readonly keyName: string;
  readonly algorithm: string;
  readonly time: string;
  readonly mac: string;
  readonly originalId: string;
  readonly error: string;
  readonly other: string;
  readonly classAndTtl: string;
}

/** An answer as a server would send it, by hand. */
function answer(parts: Partial<AnswerParts> = {}): Buffer {
  const mac = parts.mac ?? answerMac;
  const size = (text: string): string => hex(text).length.toString(16).padStart(4, '0');
  const other = parts.other ?? '';
  const algorithm = parts.algorithm ?? '0b686d61632d73686132353600';
  const data = `${algorithm} ${parts.time ?? '00006553f100'} 012c ${size(mac)} ${mac} ${parts.originalId ?? '1234'} ${parts.error ?? '0000'} ${size(other)} ${other}`;
  return hex(`${parts.id ?? '1234'} a80${parts.rcode ?? '0'} 0001 0000 0000 0001 0468616c6c047465737400 0006 0001
    ${parts.keyName ?? '0a68616c6c6b656570657200'} 00fa ${parts.classAndTtl ?? '00ff 00000000'} ${size(data)} ${data}`);
}

test('a request carries the code that OpenSSL computes', () => {
  expect(request.mac.toString('hex')).toBe(requestMac);
  expect(request.bytes.toString('hex')).toBe(
    hex(`1234 2800 0001 0000 0000 0001 0468616c6c047465737400 0006 0001
      0a68616c6c6b656570657200 00fa 00ff 00000000 003d
      0b686d61632d73686132353600 00006553f100 012c 0020 ${requestMac} 1234 0000 0000`).toString('hex'),
  );
});

test('an answer signed over this request is authentic', () => {
  expect(verifyAnswer(answer(), request, key, atMs)).toMatchObject({ authentic: true, message: { rcode: 'NOERROR' } });
});

test('neither the case of the key name nor an id changed on the way matters', () => {
  expect(verifyAnswer(answer({ keyName: '0a48414c4c4b454550455200', id: '9999' }), request, key, atMs).authentic).toBe(true);
});

describe('an answer is not authentic', () => {
  const flipped = `00${answerMac.slice(2)}`;
  test.each<[string, Partial<AnswerParts>, number, RegExp]>([
    ['with one bit of the code changed', { mac: flipped }, atMs, /signature is wrong/],
    ['with its rcode changed', { rcode: '9' }, atMs, /signature is wrong/],
    ['with its time changed', { time: '00006553f101' }, atMs, /signature is wrong/],
    ['with its error changed', { error: '0012' }, atMs, /signature is wrong/],
    ['with half of the code', { mac: answerMac.slice(0, 32) }, atMs, /signature is wrong/],
    ['with no code at all', { mac: '' }, atMs, /not signed/],
    ['signed by another key', { keyName: '056f7468657200' }, atMs, /another key/],
    ['signed by another algorithm', { algorithm: '09686d61632d7368613100' }, atMs, /another algorithm/],
    ['for another id', { originalId: '1235' }, atMs, /another request/],
    ['played again 301 s later', {}, atMs + 301_000, /301 s apart/],
    ['from 301 s ahead', {}, atMs - 301_000, /301 s apart/],
  ])('%s', (_what, parts, nowMs, says) => {
    expect(verifyAnswer(answer(parts), request, key, nowMs)).toMatchObject({ authentic: false, says: expect.stringMatching(says) });
  });
  test('when it answers another request of the same key', () => {
    const other: SignedRequest = { ...request, mac: Buffer.alloc(32) };
    expect(verifyAnswer(answer(), other, key, atMs).authentic).toBe(false);
  });
  test('when the secret is another', () => {
    const other = { name: key.name, secret: new Secret('AAAA') };
    expect(verifyAnswer(answer(), request, other, atMs).authentic).toBe(false);
  });
  test('when it has no TSIG', () => {
    const bare = hex('1234 a800 0001 0000 0000 0000 0468616c6c047465737400 0006 0001');
    expect(verifyAnswer(bare, request, key, atMs)).toMatchObject({ authentic: false, says: 'it is not signed' });
  });
  test('when an unsigned refusal names its reason, which is told', () => {
    expect(verifyAnswer(answer({ mac: '', error: '0011', rcode: '9' }), request, key, atMs)).toMatchObject({
      authentic: false,
      error: 'BADKEY',
      message: { rcode: 'NOTAUTH' },
    });
  });
});

test.each<[string, Buffer]>([
  ['of another class', answer({ classAndTtl: '0001 00000000' })],
  ['with a TTL', answer({ classAndTtl: '00ff 00000001' })],
  ['that is not the last record', Buffer.concat([answer(), hex('00 0001 0001 00000000 0004 01020304')])],
  ['that stands twice', Buffer.concat([answer(), answer().subarray(27)])],
])('a TSIG %s is refused', (_what, bytes) => {
  const records = bytes.length > answer().length ? 2 : 1;
  bytes.writeUInt16BE(records, 10);
  expect(() => verifyAnswer(bytes, request, key, atMs)).toThrow(expect.objectContaining({ code: 'HK_DNS_MESSAGE_INVALID' }));
});

test('no change of an answer is authentic, and none does more than be refused', () => {
  const whole = answer();
  // The id is not signed; the original id is. Letters of the key name may change their case.
  const free = new Set([0, 1]);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ flip;
      try {
        const { authentic } = verifyAnswer(bytes, request, key, atMs);
        return !authentic || free.has(at) || flip === 0x20;
      } catch (error) {
        return error instanceof HallkeeperError && error.code === 'HK_DNS_MESSAGE_INVALID';
      }
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  ['no Base64', 'not base 64!'],
  ['nothing', ''],
  ['cut Base64', 'AAA'],
  ['far too long', 'AAAA'.repeat(1_000)],
])('a secret that is %s is refused without being shown', (_what, secret) => {
  let caught: unknown;
  try {
    checkTsigKey({ name: 'k', secret: new Secret(secret) });
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({ code: 'HK_DNS_KEY_INVALID' });
  if (secret !== '') expect(`${messageOf(caught)}${inspect(caught)}`).not.toContain(secret);
});

test('a key needs a name', () => {
  expect(() => checkTsigKey({ name: 'a..b', secret: key.secret })).toThrow(expect.objectContaining({ code: 'HK_DNS_KEY_INVALID' }));
});
