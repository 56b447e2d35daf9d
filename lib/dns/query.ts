import { within } from '#lib/base/deadline.ts';
import { dnsErrors } from './errors.ts';
import { exchangeSigned } from './exchange-signed.ts';
import type { SignedAnswer } from './exchange-signed.ts';
import { exchangeTcp, exchangeUdp, serverName } from './exchange.ts';
import type { DnsServer } from './exchange.ts';
import { decodeMessage, encodeMessage, opcodes, requestOf } from './message.ts';
import type { DnsMessage, DnsQuestion, Rcode } from './message.ts';
import { canonicalName, sameName } from './name.ts';
import { recordClasses, recordTypes } from './record.ts';
import type { DnsRecord, RecordType } from './record.ts';
import type { TsigKey } from './tsig.ts';
import type { DnsPorts } from './update.ts';

export interface QueryRequest {
  readonly name: string;
  readonly type: RecordType;
  /** UDP goes over to TCP by itself when the answer was cut. */
  readonly transport: 'udp' | 'tcp';
  /** For the whole query, all attempts included. */
  readonly maxMs: number;
  /** Signs the query and demands a signed answer; over TCP only. */
  readonly key?: TsigKey;
}

export interface QueryAnswer {
  /** NXDOMAIN is an answer like any other. */
  readonly rcode: Rcode;
  /** The server holds the zone, and does not repeat what it once heard. */
  readonly authoritative: boolean;
  readonly records: readonly DnsRecord[];
}

export interface AddressAnswer {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  /** IPv4 before IPv6, in the order of the server, without repetitions. Empty when the name has none. */
  readonly addresses: readonly string[];
  /** The lowest of all; undefined without addresses. */
  readonly ttlSeconds: number | undefined;
}

/** A lost datagram is asked again after this; the deadline bounds how often. */
const udpAgainMs = 500;
const udpAttemptsMax = 6;
const udpPauseMs = 100;
const aliasesMax = 8;

/**
 * Asks one given server, without any cache. Recursion is asked for, so that it works against resolvers too.
 *
 * @throws HK_DNS_UNREACHABLE, HK_DNS_MESSAGE_INVALID, HK_DNS_NAME_INVALID; only with a key HK_DNS_UNAUTHENTICATED, HK_DNS_KEY_INVALID,
 *         and HK_DNS_REFUSED when an unsigned answer says that the server cannot answer
 */
export async function query(server: DnsServer, request: QueryRequest, ports: DnsPorts, signal: AbortSignal): Promise<QueryAnswer> {
  const limited = within(request.maxMs, `the query of ${serverName(server)}`, signal);
  if (request.transport === 'udp' && request.key === undefined) {
    const answer = await askUdp(server, request, ports, limited);
    if (!answer.truncated) return answerOf(answer);
  }
  return answerOf(await askTcp(server, request, ports, limited));
}

/** The addresses of a name at one server: A and AAAA asked at the same time, aliases in the answer followed. @throws As `query`. */
export async function queryAddresses(
  server: DnsServer,
  request: Omit<QueryRequest, 'type'>,
  ports: DnsPorts,
  signal: AbortSignal,
): Promise<AddressAnswer> {
  const ask = (type: RecordType): Promise<QueryAnswer> => query(server, { ...request, type }, ports, signal);
  const [a, aaaa] = await Promise.all([ask('A'), ask('AAAA')]);
  const found = [...addressRecords(request.name, a.records), ...addressRecords(request.name, aaaa.records)];
  const addresses = found.flatMap(({ data }) => (data.type === 'A' || data.type === 'AAAA' ? [data.address] : []));
  return {
    rcode: a.rcode === 'NOERROR' ? aaaa.rcode : a.rcode,
    authoritative: a.authoritative && aaaa.authoritative,
    addresses: [...new Set(addresses)],
    ttlSeconds: found.length === 0 ? undefined : Math.min(...found.map(({ ttlSeconds }) => ttlSeconds)),
  };
}

/** The address records of a name in an answer, through at most eight aliases. */
function addressRecords(name: string, records: readonly DnsRecord[]): readonly DnsRecord[] {
  const inClass = records.filter(({ classCode }) => classCode === recordClasses.IN);
  let owner = canonicalName(name);
  for (let followed = 0; followed <= aliasesMax; followed += 1) {
    const own = inClass.filter((record) => canonicalName(record.name) === owner);
    const found = own.filter(({ data }) => data.type === 'A' || data.type === 'AAAA');
    const alias = own.find(({ data }) => data.type === 'CNAME')?.data;
    if (found.length > 0 || alias?.type !== 'CNAME') return found;
    owner = canonicalName(alias.host);
  }
  return [];
}

/** The texts of the TXT records of exactly this name, each joined into one. */
export function textsOf(name: string, records: readonly DnsRecord[]): readonly string[] {
  return records.flatMap((record) =>
    record.data.type === 'TXT' && record.classCode === recordClasses.IN && sameName(record.name, name) ? [record.data.texts.join('')] : [],
  );
}

async function askUdp(server: DnsServer, request: QueryRequest, { clock, random }: DnsPorts, signal: AbortSignal): Promise<DnsMessage> {
  for (let attempt = 1; ; attempt += 1) {
    const asked = questionOf(request, random.below(0x1_0000));
    const isAnswer = (bytes: Buffer): boolean => {
      const message = tryDecode(bytes);
      return message !== undefined && answers(message, asked);
    };
    try {
      const patience = within(udpAgainMs * attempt, `the query of ${serverName(server)}`, signal);
      return decodeMessage(await exchangeUdp(server, encodeMessage(asked), isAnswer, patience));
    } catch (error) {
      if (signal.aborted || attempt >= udpAttemptsMax) throw error;
      // A port nobody listens on is refused at once; without a pause all attempts would be spent in a moment.
      await clock.sleep(udpPauseMs, signal);
    }
  }
}

async function askTcp(server: DnsServer, request: QueryRequest, { clock, random }: DnsPorts, signal: AbortSignal): Promise<DnsMessage> {
  const asked = questionOf(request, random.below(0x1_0000));
  const bytes = encodeMessage(asked);
  const message =
    request.key === undefined
      ? decodeMessage(await exchangeTcp(server, bytes, signal))
      : believed(await exchangeSigned(server, bytes, request.key, clock, signal), server);
  if (!answers(message, asked)) throw dnsErrors.HK_DNS_MESSAGE_INVALID(`${serverName(server)} answered another question`);
  // There is no larger transport to go over to. Believed, it would show fewer records than there are.
  if (message.truncated) throw dnsErrors.HK_DNS_MESSAGE_INVALID(`${serverName(server)} cut its answer short over TCP`);
  return message;
}

/** Codes by which a server says that it cannot do what was asked; unsigned they need not mean that it takes our key for wrong. */
const failures: readonly Rcode[] = ['FORMERR', 'SERVFAIL', 'NOTIMP', 'REFUSED'];

function believed({ verdict }: SignedAnswer, server: DnsServer): DnsMessage {
  if (verdict.authentic && verdict.error === undefined) return verdict.message;
  const { rcode } = verdict.message;
  const why = [serverName(server), rcode, verdict.error, verdict.authentic ? undefined : verdict.says].filter(Boolean).join(', ');
  if (verdict.error === undefined && failures.includes(rcode)) throw dnsErrors.HK_DNS_REFUSED(why);
  throw dnsErrors.HK_DNS_UNAUTHENTICATED(why);
}

function questionOf(request: QueryRequest, id: number): DnsMessage {
  const question: DnsQuestion = { name: request.name, typeCode: recordTypes[request.type], classCode: recordClasses.IN };
  return { ...requestOf(id, opcodes.query, question), recursionDesired: true };
}

/** Whether a message answers exactly this query. A server that refuses may leave the question out. */
function answers(message: DnsMessage, asked: DnsMessage): boolean {
  const [question] = message.questions;
  const [own] = asked.questions;
  if (!message.response || message.opcode !== opcodes.query || message.id !== asked.id || own === undefined) return false;
  if (question === undefined) return message.rcode !== 'NOERROR' && message.rcode !== 'NXDOMAIN';
  if (message.questions.length !== 1 || question.typeCode !== own.typeCode || question.classCode !== own.classCode) return false;
  return sameName(question.name, own.name);
}

const answerOf = ({ rcode, authoritative, answers: records }: DnsMessage): QueryAnswer => ({ rcode, authoritative, records });

function tryDecode(bytes: Buffer): DnsMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch {
    return undefined;
  }
}
