import { dnsErrors } from './errors.ts';
import { decodeName, encodeName } from './name.ts';
import { decodeRecord, encodeRecord, recordTypes } from './record.ts';
import type { DnsRecord } from './record.ts';

/** Response codes by number; the names stand in results, logs and conditions. */
const rcodes = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
] as const;
export type Rcode = (typeof rcodes)[number] | `RCODE${number}`;

export const opcodes = { query: 0, update: 5 } as const;

/** An entry of the first section: what a query asks, or the zone of an UPDATE. */
export interface DnsQuestion {
  readonly name: string;
  readonly typeCode: number;
  readonly classCode: number;
}

/** A message without its signature. In UPDATE the sections are zone, prerequisites, updates and additional, in this order. */
export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly rcode: Rcode;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export interface DecodedMessage extends DnsMessage {
  /** Where the last additional record starts; undefined when there is none. A TSIG is cut off here. */
  readonly lastRecordAt: number | undefined;
}

const messageBytesMax = 65_535;
export const headerBytes = 12;
/** Where the header counts the additional records. */
export const additionalCountAt = 10;

/** @throws HK_DNS_NAME_INVALID, HK_DNS_RECORD_INVALID */
export function encodeMessage(message: DnsMessage): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(message.id, 0);
  header.writeUInt16BE(flagsOf(message), 2);
  const sections = [message.answers, message.authorities, message.additionals];
  [message.questions, ...sections].forEach((section, index) => header.writeUInt16BE(section.length, 4 + index * 2));
  const bytes = Buffer.concat([header, ...message.questions.map(encodeQuestion), ...sections.flat().map(encodeRecord)]);
  if (bytes.length > messageBytesMax) throw dnsErrors.HK_DNS_RECORD_INVALID(`a message of ${bytes.length} bytes`);
  return bytes;
}

/**
 * Reads a whole message. Every byte must belong to it; nothing of the input is trusted, and the work is linear in its length.
 *
 * @throws HK_DNS_MESSAGE_INVALID
 */
export function decodeMessage(bytes: Buffer): DecodedMessage {
  if (bytes.length < headerBytes) throw dnsErrors.HK_DNS_MESSAGE_INVALID(`${bytes.length} bytes are less than a header`);
  if (bytes.length > messageBytesMax) throw dnsErrors.HK_DNS_MESSAGE_INVALID(`${bytes.length} bytes are more than a message`);
  const flags = bytes.readUInt16BE(2);
  let at = headerBytes;
  let lastRecordAt: number | undefined;
  const questions: DnsQuestion[] = [];
  for (let left = bytes.readUInt16BE(4); left > 0; left -= 1) {
    const { name, next } = decodeName(bytes, at);
    if (next + 4 > bytes.length) throw dnsErrors.HK_DNS_MESSAGE_INVALID('a question runs over the end');
    questions.push({ name, typeCode: bytes.readUInt16BE(next), classCode: bytes.readUInt16BE(next + 2) });
    at = next + 4;
  }
  const section = (countAt: number): DnsRecord[] => {
    const records: DnsRecord[] = [];
    for (let left = bytes.readUInt16BE(countAt); left > 0; left -= 1) {
      const { record, next } = decodeRecord(bytes, at);
      if (countAt === additionalCountAt) lastRecordAt = at;
      records.push(record);
      at = next;
    }
    return records;
  };
  const [answers, authorities, additionals] = [section(6), section(8), section(additionalCountAt)];
  if (at !== bytes.length) throw dnsErrors.HK_DNS_MESSAGE_INVALID(`${bytes.length - at} bytes follow the message`);
  return {
    id: bytes.readUInt16BE(0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 0xf,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    rcode: rcodes[flags & 0xf] ?? `RCODE${flags & 0xf}`,
    questions,
    answers,
    authorities,
    additionals,
    lastRecordAt,
  };
}

/** A request with nothing in it yet. */
export function requestOf(id: number, opcode: number, question: DnsQuestion): DnsMessage {
  return {
    id,
    response: false,
    opcode,
    authoritative: false,
    truncated: false,
    recursionDesired: false,
    recursionAvailable: false,
    rcode: 'NOERROR',
    questions: [question],
    answers: [],
    authorities: [],
    additionals: [],
  };
}

/** Whether the record is a TSIG, which only `tsig.ts` reads. */
export const isTsig = (record: DnsRecord): boolean => record.data.type === 'other' && record.data.code === recordTypes.TSIG;

function flagsOf(message: DnsMessage): number {
  const code = rcodes.findIndex((rcode) => rcode === message.rcode);
  const rcode = code >= 0 ? code : Number(message.rcode.slice('RCODE'.length)) & 0xf;
  return (
    (message.response ? 0x8000 : 0) |
    ((message.opcode & 0xf) << 11) |
    (message.authoritative ? 0x0400 : 0) |
    (message.truncated ? 0x0200 : 0) |
    (message.recursionDesired ? 0x0100 : 0) |
    (message.recursionAvailable ? 0x0080 : 0) |
    rcode
  );
}

function encodeQuestion(question: DnsQuestion): Buffer {
  const fixed = Buffer.alloc(4);
  fixed.writeUInt16BE(question.typeCode, 0);
  fixed.writeUInt16BE(question.classCode, 2);
  return Buffer.concat([encodeName(question.name), fixed]);
}
