import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { dnsErrors } from './errors.ts';
import { decodeName, encodeName } from './name.ts';

/** Record types by number. `ANY` stands for all types of a name, in queries and in UPDATE. */
export const recordTypes = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, TSIG: 250, ANY: 255 } as const;
export type RecordType = keyof typeof recordTypes;

/** Classes by number; NONE and ANY have meanings of their own in UPDATE. */
export const recordClasses = { IN: 1, NONE: 254, ANY: 255 } as const;

export interface SoaData {
  readonly type: 'SOA';
  readonly primary: string;
  readonly mailbox: string;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  readonly minimumSeconds: number;
}

/**
 * Data of a record.
 *
 * TXT    Each text is up to 255 bytes, one character a byte (Latin-1).
 * empty  No data: in UPDATE, "any data of this type".
 * other  A type we do not read, as it came.
 */
export type RecordData =
  | { readonly type: 'A'; readonly address: string }
  | { readonly type: 'AAAA'; readonly address: string }
  | { readonly type: 'TXT'; readonly texts: readonly string[] }
  | { readonly type: 'NS'; readonly host: string }
  | { readonly type: 'CNAME'; readonly host: string }
  | SoaData
  | { readonly type: 'empty'; readonly code: number }
  | { readonly type: 'other'; readonly code: number; readonly bytes: Buffer };

export interface DnsRecord {
  readonly name: string;
  /** One of `recordClasses`, or what another record such as OPT carries there. */
  readonly classCode: number;
  readonly ttlSeconds: number;
  readonly data: RecordData;
}

export function typeCodeOf(data: RecordData): number {
  return data.type === 'empty' || data.type === 'other' ? data.code : recordTypes[data.type];
}

/** An A or AAAA record, by the kind of the address. @throws HK_DNS_RECORD_INVALID */
export function addressData(address: string): RecordData {
  if (isIPv4(address)) return { type: 'A', address };
  if (isIPv6(address) && !address.includes('%')) return { type: 'AAAA', address: canonicalIpv6(address) };
  throw dnsErrors.HK_DNS_RECORD_INVALID(`"${address.slice(0, 60)}" is not an IP address`);
}

/** @throws HK_DNS_NAME_INVALID, HK_DNS_RECORD_INVALID */
export function encodeRecord(record: DnsRecord): Buffer {
  const data = encodeData(record.data);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(typeCodeOf(record.data), 0);
  fixed.writeUInt16BE(record.classCode, 2);
  fixed.writeUInt32BE(record.ttlSeconds, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(record.name), fixed, data]);
}

/** @throws HK_DNS_MESSAGE_INVALID */
export function decodeRecord(message: Buffer, offset: number): { readonly record: DnsRecord; readonly next: number } {
  const { name, next: fixed } = decodeName(message, offset);
  const start = fixed + 10;
  if (start > message.length) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a record runs over the end');
  const end = start + message.readUInt16BE(fixed + 8);
  if (end > message.length) throw dnsErrors.HK_DNS_MESSAGE_INVALID('the data of a record runs over the end');
  const data = decodeData(message.readUInt16BE(fixed), message.subarray(0, end), start);
  const record = { name, classCode: message.readUInt16BE(fixed + 2), ttlSeconds: message.readUInt32BE(fixed + 4), data };
  return { record, next: end };
}

const textBytesMax = 255;
const dataBytesMax = 65_535;

function encodeData(data: RecordData): Buffer {
  switch (data.type) {
    case 'A':
      if (!isIPv4(data.address)) throw dnsErrors.HK_DNS_RECORD_INVALID('an A record without an IPv4 address');
      return Buffer.from(data.address.split('.').map(Number));
    case 'AAAA':
      return encodeIpv6(data.address);
    case 'TXT':
      return encodeTexts(data.texts);
    case 'NS':
    case 'CNAME':
      return encodeName(data.host);
    case 'SOA': {
      const numbers = Buffer.alloc(20);
      [data.serial, data.refreshSeconds, data.retrySeconds, data.expireSeconds, data.minimumSeconds].forEach((value, index) =>
        numbers.writeUInt32BE(value, index * 4),
      );
      return Buffer.concat([encodeName(data.primary), encodeName(data.mailbox), numbers]);
    }
    case 'empty':
      return Buffer.alloc(0);
    case 'other':
      return data.bytes;
  }
}

function decodeData(code: number, message: Buffer, start: number): RecordData {
  const bytes = message.subarray(start);
  if (bytes.length === 0) return { type: 'empty', code };
  switch (code) {
    case recordTypes.A:
      requireLength(bytes, 4, 'A');
      return { type: 'A', address: bytes.join('.') };
    case recordTypes.AAAA:
      requireLength(bytes, 16, 'AAAA');
      return { type: 'AAAA', address: canonicalIpv6(bytes.toString('hex').replaceAll(/(....)(?=.)/g, '$1:')) };
    case recordTypes.TXT:
      return { type: 'TXT', texts: decodeTexts(bytes) };
    case recordTypes.NS:
    case recordTypes.CNAME: {
      const { name, next } = decodeName(message, start);
      requireLength(message.subarray(next), 0, 'a name as data');
      return { type: code === recordTypes.NS ? 'NS' : 'CNAME', host: name };
    }
    case recordTypes.SOA:
      return decodeSoa(message, start);
    default:
      return { type: 'other', code, bytes: Buffer.from(bytes) };
  }
}

function decodeSoa(message: Buffer, start: number): SoaData {
  const primary = decodeName(message, start);
  const mailbox = decodeName(message, primary.next);
  const numbers = message.subarray(mailbox.next);
  requireLength(numbers, 20, 'SOA');
  return {
    type: 'SOA',
    primary: primary.name,
    mailbox: mailbox.name,
    serial: numbers.readUInt32BE(0),
    refreshSeconds: numbers.readUInt32BE(4),
    retrySeconds: numbers.readUInt32BE(8),
    expireSeconds: numbers.readUInt32BE(12),
    minimumSeconds: numbers.readUInt32BE(16),
  };
}

function encodeTexts(texts: readonly string[]): Buffer {
  if (texts.length === 0) throw dnsErrors.HK_DNS_RECORD_INVALID('a TXT record needs at least one text');
  const parts = texts.map((text) => {
    if (text.length > textBytesMax || /[\u0100-\uffff]/.test(text)) {
      throw dnsErrors.HK_DNS_RECORD_INVALID(`a text of a TXT record must be Latin-1 and at most ${textBytesMax} bytes`);
    }
    return Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')]);
  });
  const bytes = Buffer.concat(parts);
  if (bytes.length > dataBytesMax) throw dnsErrors.HK_DNS_RECORD_INVALID('a TXT record of more than 65,535 bytes');
  return bytes;
}

function decodeTexts(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + (bytes[at] ?? 0);
    if (end > bytes.length) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a text runs over the end of its record');
    texts.push(bytes.toString('latin1', at + 1, end));
    at = end;
  }
  return texts;
}

function requireLength(bytes: Buffer, length: number, what: string): void {
  if (bytes.length !== length) throw dnsErrors.HK_DNS_MESSAGE_INVALID(`${what}: ${bytes.length} bytes where ${length} belong`);
}

const canonicalIpv6 = (address: string): string => new SocketAddress({ address, family: 'ipv6' }).address;

function encodeIpv6(address: string): Buffer {
  if (!isIPv6(address) || address.includes('%')) throw dnsErrors.HK_DNS_RECORD_INVALID('an AAAA record without an IPv6 address');
  // A tail in IPv4 notation becomes two groups first.
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) => {
    const group = (high: unknown, low: unknown): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${group(a, b)}:${group(c, d)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const all = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
