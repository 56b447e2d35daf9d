import type { Clock } from '#lib/base/clock.ts';
import { within } from '#lib/base/deadline.ts';
import { HallkeeperError } from '#lib/base/errors.ts';
import type { Random } from '#lib/base/random.ts';
import { dnsErrors } from './errors.ts';
import { exchangeSigned } from './exchange-signed.ts';
import type { SignedAnswer } from './exchange-signed.ts';
import { serverName } from './exchange.ts';
import type { DnsServer } from './exchange.ts';
import { encodeMessage, opcodes, requestOf } from './message.ts';
import type { Rcode } from './message.ts';
import { isInZone, sameName } from './name.ts';
import { recordClasses, recordTypes, typeCodeOf } from './record.ts';
import type { DnsRecord, RecordData, RecordType } from './record.ts';
import type { TsigError, TsigKey } from './tsig.ts';

/** What one UPDATE changes. It is applied whole or not at all, and only when every prerequisite holds. */
export interface UpdateRequest {
  readonly zone: string;
  readonly prerequisites: readonly DnsRecord[];
  readonly updates: readonly DnsRecord[];
}

/**
 * applied             The server signed that it did it. `serverAheadMs`: only with the server's time, our clock being wrong.
 * prerequisiteFailed  The zone is not as expected, signed: an answer, not an error. Look and decide again.
 * refused             Signed, but no: FORMERR, SERVFAIL, NOTIMP, REFUSED, NOTAUTH or NOTZONE. BADTIME: the server does not take its own
 *                     time either, `serverAheadMs` from ours.
 * unauthenticated     Not signed by our key, so it says nothing certain: to be reported, not acted on. A wrong key looks like this.
 * failed              No answer, or none that can be read. Whether the update was applied is unknown.
 */
export type UpdateResult =
  | { readonly result: 'applied'; readonly serverAheadMs?: number }
  | { readonly result: 'prerequisiteFailed'; readonly rcode: Rcode }
  | { readonly result: 'refused'; readonly rcode: Rcode; readonly tsigError?: TsigError; readonly serverAheadMs?: number }
  | { readonly result: 'unauthenticated'; readonly rcode: Rcode; readonly says: string; readonly tsigError?: TsigError }
  | { readonly result: 'failed'; readonly error: HallkeeperError };

export interface DnsPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** How long a server may take for one UPDATE, connections included. */
const updateMaxMs = 3_000;

/** The prerequisite that a name has no records at all. */
export const nameNotInUse = (name: string): DnsRecord => bare(name, recordClasses.NONE, recordTypes.ANY);
/** The prerequisite that a name has at least one record. */
export const nameInUse = (name: string): DnsRecord => bare(name, recordClasses.ANY, recordTypes.ANY);
/** The prerequisite that a name has no records of this type. */
export const typeNotInUse = (name: string, type: RecordType): DnsRecord => bare(name, recordClasses.NONE, recordTypes[type]);
/** The prerequisite that the records of this type are exactly these; one call for each of them. TTLs are not compared. */
export const recordExists = (name: string, data: RecordData): DnsRecord => ({ name, classCode: recordClasses.IN, ttlSeconds: 0, data });
/** Removes all records of this type. */
export const deleteType = (name: string, type: RecordType): DnsRecord => bare(name, recordClasses.ANY, recordTypes[type]);
export const addRecord = (name: string, ttlSeconds: number, data: RecordData): DnsRecord => ({
  name,
  classCode: recordClasses.IN,
  ttlSeconds,
  data,
});

/**
 * Sends one signed UPDATE over TCP and judges the signed answer. Never throws for what the server or the network does.
 *
 * @throws HK_DNS_NAME_INVALID, HK_DNS_RECORD_INVALID, HK_DNS_KEY_INVALID  when the request itself cannot be written.
 * @see RFC 2136; RFC 8945
 */
export async function sendUpdate(
  server: DnsServer,
  request: UpdateRequest,
  key: TsigKey,
  { clock, random }: DnsPorts,
  signal: AbortSignal,
): Promise<UpdateResult> {
  const zone = { name: request.zone, typeCode: recordTypes.SOA, classCode: recordClasses.IN };
  const id = random.below(0x1_0000);
  const message = { ...requestOf(id, opcodes.update, zone), answers: request.prerequisites, authorities: request.updates };
  requireWritable(request);
  const bytes = encodeMessage(message);
  try {
    const limited = within(updateMaxMs, `the UPDATE of ${serverName(server)}`, signal);
    return judge(await exchangeSigned(server, bytes, key, clock, limited), id);
  } catch (error) {
    if (error instanceof HallkeeperError && error.retry === 'backoff') return { result: 'failed', error };
    throw error;
  }
}

const prerequisiteCodes: readonly Rcode[] = ['YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NXDOMAIN'];
const ttlMaxSeconds = 2_147_483_647;

/** The sections of an answer to an UPDATE say nothing, so that one cut short (TC) says as much as a whole one: its code is signed. */
function judge({ verdict, serverAheadMs }: SignedAnswer, id: number): UpdateResult {
  const { message } = verdict;
  const { rcode } = message;
  if (!message.response || message.opcode !== opcodes.update || message.id !== id) {
    return { result: 'failed', error: dnsErrors.HK_DNS_MESSAGE_INVALID('it is no answer to this UPDATE') };
  }
  const tsigError = verdict.error === undefined ? {} : { tsigError: verdict.error };
  if (!verdict.authentic) return { result: 'unauthenticated', rcode, says: verdict.says, ...tsigError };
  const apart = verdict.serverAheadMs ?? serverAheadMs;
  const ahead = apart === undefined ? {} : { serverAheadMs: apart };
  if (verdict.error !== undefined) return { result: 'refused', rcode, ...tsigError, ...ahead };
  if (rcode === 'NOERROR') return { result: 'applied', ...ahead };
  return prerequisiteCodes.includes(rcode) ? { result: 'prerequisiteFailed', rcode } : { result: 'refused', rcode };
}

/** A server answers FORMERR or NOTZONE to these, and says not why. */
function requireWritable({ zone, prerequisites, updates }: UpdateRequest): void {
  for (const { name, ttlSeconds, data } of [...prerequisites, ...updates]) {
    if (!isInZone(name, zone)) throw dnsErrors.HK_DNS_RECORD_INVALID(`"${name}" does not lie in the zone "${zone}"`);
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds > ttlMaxSeconds) {
      throw dnsErrors.HK_DNS_RECORD_INVALID(`a TTL of ${ttlSeconds} s`);
    }
    if (typeCodeOf(data) === recordTypes.SOA && !sameName(name, zone)) {
      throw dnsErrors.HK_DNS_RECORD_INVALID('an SOA record below the top of its zone');
    }
  }
}

function bare(name: string, classCode: number, code: number): DnsRecord {
  return { name, classCode, ttlSeconds: 0, data: { type: 'empty', code } };
}
