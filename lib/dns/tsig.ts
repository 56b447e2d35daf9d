import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '#lib/base/secret.ts';
import { dnsErrors } from './errors.ts';
import { additionalCountAt, decodeMessage, isTsig } from './message.ts';
import type { DecodedMessage } from './message.ts';
import { canonicalName, decodeName, encodeName } from './name.ts';
import { recordClasses, recordTypes } from './record.ts';

/** A key shared with DNS servers; the algorithm is always HMAC-SHA256. `secret` is Base64, as `tsig-keygen` prints it. */
export interface TsigKey {
  readonly name: string;
  readonly secret: Secret;
}

/** Errors inside a TSIG record. */
export type TsigError = 'BADSIG' | 'BADKEY' | 'BADTIME' | 'BADTRUNC' | `TSIG${number}`;

export interface SignedRequest {
  readonly bytes: Buffer;
  readonly id: number;
  /** The answer is signed over it, so that an old answer fits no new request. */
  readonly mac: Buffer;
}

/**
 * authentic      Signed by our key for this very request. `error` is BADTIME when the server finds our clock wrong;
 *                `serverAheadMs` then says by how much its clock differs.
 * unauthentic    Anybody may have sent it: to be reported, never acted on. `error` is what an unsigned answer claims.
 */
export type TsigVerdict =
  | { readonly authentic: true; readonly message: DecodedMessage; readonly error?: TsigError; readonly serverAheadMs?: number }
  | { readonly authentic: false; readonly message: DecodedMessage; readonly says: string; readonly error?: TsigError };

/** Largest difference of the clocks, RFC 8945 10. */
const fudgeSeconds = 300;

/** @throws HK_DNS_KEY_INVALID  and no word of the secret. */
export function checkTsigKey(key: TsigKey): void {
  secretBytes(key);
  wireNameOf(key);
}

/**
 * Signs an encoded message that carries no TSIG yet.
 *
 * @throws HK_DNS_KEY_INVALID
 * @see RFC 8945 4.2, 4.3.3
 */
export function signMessage(bytes: Buffer, key: TsigKey, wallMs: number): SignedRequest {
  const id = bytes.readUInt16BE(0);
  const variables = { timeSeconds: Math.floor(wallMs / 1_000), fudgeSeconds, error: 0, other: Buffer.alloc(0) };
  const name = wireNameOf(key);
  const mac = macOf(key, [bytes, tsigVariables(name, variables)]);
  const data = Buffer.concat([
    algorithmName,
    timeBytes(variables.timeSeconds),
    words(fudgeSeconds, mac.length),
    mac,
    words(id, variables.error, variables.other.length),
  ]);
  const fixed = Buffer.concat([words(recordTypes.TSIG, recordClasses.ANY, 0, 0, data.length)]);
  const signed = Buffer.concat([bytes, name, fixed, data]);
  signed.writeUInt16BE(signed.readUInt16BE(additionalCountAt) + 1, additionalCountAt);
  return { bytes: signed, id, mac };
}

/**
 * Reads an answer and says whether it is signed for this request.
 *
 * @throws HK_DNS_MESSAGE_INVALID  when it cannot be read at all.
 * @see RFC 8945 5.3, 5.4
 */
export function verifyAnswer(answer: Buffer, request: SignedRequest, key: TsigKey, wallMs: number): TsigVerdict {
  const message = decodeMessage(answer);
  const tsig = readTsig(answer, message);
  if (tsig === undefined) return { authentic: false, message, says: 'it is not signed' };
  const error = tsigErrorOf(tsig.error);
  const refuse = (says: string): TsigVerdict => ({ authentic: false, message, says, ...(error === undefined ? {} : { error }) });
  if (!tsig.keyName.equals(wireNameOf(key))) return refuse('it is signed by another key');
  if (!tsig.algorithm.equals(algorithmName)) return refuse('it is signed by another algorithm');
  if (tsig.originalId !== request.id) return refuse('it answers another request');
  if (tsig.mac.length === 0) return refuse(`it is not signed, and says ${error ?? 'nothing'}`);
  const expected = macOf(key, [words(request.mac.length), request.mac, tsig.unsigned, tsigVariables(wireNameOf(key), tsig)]);
  if (tsig.mac.length !== expected.length || !timingSafeEqual(tsig.mac, expected)) return refuse('its signature is wrong');
  const apartSeconds = Math.abs(Math.floor(wallMs / 1_000) - tsig.timeSeconds);
  if (apartSeconds > Math.min(tsig.fudgeSeconds, fudgeSeconds)) return refuse(`it was signed ${apartSeconds} s apart from our clock`);
  if (error === undefined) return { authentic: true, message };
  if (error !== 'BADTIME' || tsig.other.length !== 6) return { authentic: true, message, error };
  return { authentic: true, message, error, serverAheadMs: tsig.other.readUIntBE(0, 6) * 1_000 - wallMs };
}

interface TsigVariables {
  readonly timeSeconds: number;
  readonly fudgeSeconds: number;
  readonly error: number;
  readonly other: Buffer;
}

interface TsigRecord extends TsigVariables {
  /** Wire form, lower case. */
  readonly keyName: Buffer;
  readonly algorithm: Buffer;
  readonly mac: Buffer;
  readonly originalId: number;
  /** The message as it was before it was signed. */
  readonly unsigned: Buffer;
}

const algorithmName = encodeName('hmac-sha256');
const tsigErrors = new Map<number, TsigError>([
  [16, 'BADSIG'],
  [17, 'BADKEY'],
  [18, 'BADTIME'],
  [22, 'BADTRUNC'],
]);

const tsigErrorOf = (code: number): TsigError | undefined => (code === 0 ? undefined : (tsigErrors.get(code) ?? `TSIG${code}`));

/** The TSIG of a message: its last additional record, and the only one of its kind. */
function readTsig(bytes: Buffer, message: DecodedMessage): TsigRecord | undefined {
  const all = [...message.answers, ...message.authorities, ...message.additionals].filter(isTsig);
  const last = message.additionals.at(-1);
  const { lastRecordAt } = message;
  if (all.length === 0) return undefined;
  if (all.length > 1 || last === undefined || lastRecordAt === undefined || !isTsig(last) || last.data.type !== 'other') {
    throw dnsErrors.HK_DNS_MESSAGE_INVALID('a TSIG that is not the last record');
  }
  if (last.classCode !== recordClasses.ANY || last.ttlSeconds !== 0) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a TSIG of wrong class or TTL');
  const fields = readTsigData(last.data.bytes);
  const unsigned = Buffer.from(bytes.subarray(0, lastRecordAt));
  unsigned.writeUInt16BE(fields.originalId, 0);
  unsigned.writeUInt16BE(unsigned.readUInt16BE(additionalCountAt) - 1, additionalCountAt);
  return { ...fields, keyName: encodeName(canonicalName(last.name)), unsigned };
}

function readTsigData(data: Buffer): Omit<TsigRecord, 'keyName' | 'unsigned'> {
  const { name, next } = decodeName(data, 0);
  const macAt = next + 10;
  const macEnd = macAt + (macAt <= data.length ? data.readUInt16BE(next + 8) : data.length);
  const otherAt = macEnd + 6;
  if (otherAt > data.length || otherAt + data.readUInt16BE(macEnd + 4) !== data.length) {
    throw dnsErrors.HK_DNS_MESSAGE_INVALID('a TSIG of wrong length');
  }
  return {
    algorithm: encodeName(canonicalName(name)),
    timeSeconds: data.readUIntBE(next, 6),
    fudgeSeconds: data.readUInt16BE(next + 6),
    mac: data.subarray(macAt, macEnd),
    originalId: data.readUInt16BE(macEnd),
    error: data.readUInt16BE(macEnd + 2),
    other: data.subarray(otherAt),
  };
}

/** RFC 8945 4.3.3: names lower case and uncompressed, class ANY, TTL 0. */
function tsigVariables(keyName: Buffer, { timeSeconds, fudgeSeconds: fudge, error, other }: TsigVariables): Buffer {
  const fixed = words(recordClasses.ANY, 0, 0);
  return Buffer.concat([keyName, fixed, algorithmName, timeBytes(timeSeconds), words(fudge, error, other.length), other]);
}

function macOf(key: TsigKey, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac('sha256', secretBytes(key));
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

function wireNameOf(key: TsigKey): Buffer {
  try {
    return encodeName(canonicalName(key.name));
  } catch (cause) {
    throw dnsErrors.HK_DNS_KEY_INVALID(`"${key.name.slice(0, 60)}"`, { cause });
  }
}

function secretBytes(key: TsigKey): Buffer {
  const text = key.secret.reveal().trim();
  if (text === '' || text.length > secretTextMax || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw dnsErrors.HK_DNS_KEY_INVALID(`"${key.name.slice(0, 60)}"`);
  }
  return Buffer.from(text, 'base64');
}

const secretTextMax = 1_024;

function timeBytes(seconds: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(seconds, 0, 6);
  return bytes;
}

/** Numbers of 16 bits. */
function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16BE(value, index * 2));
  return bytes;
}
