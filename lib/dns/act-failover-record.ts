import type { HallkeeperError } from '#lib/base/errors.ts';
import { dnsErrors } from './errors.ts';
import { serverName } from './exchange.ts';
import type { DnsServer } from './exchange.ts';
import { buildFailoverUpdate, decideFailoverUpdate, nameStateOf } from './failover-record.ts';
import type { FailoverRecord, NameState } from './failover-record.ts';
import { query, queryAddresses, textsOf } from './query.ts';
import type { TsigKey } from './tsig.ts';
import type { RecordOutcome } from './record-outcome.ts';
import { sendUpdate } from './update.ts';
import type { DnsPorts, UpdateResult } from './update.ts';

/** One authoritative server with the key it takes updates from. */
export interface UpdateTarget {
  readonly server: DnsServer;
  readonly key: TsigKey;
}

/** How often a writer looks and tries again when others write at the same time. Epochs only rise, so it soon wins or is superseded. */
const roundsMax = 4;
/** For one question; a look asks three at once, and again when the name looks foreign. */
const lookMaxMs = 3_000;

/**
 * Brings one server to the record, or finds out why not. The first try is blind when `from` is known: one round trip. When the name
 * is not as expected it looks, and goes on only if its epoch is the higher one.
 *
 * @param from  Epoch expected at the server, `absent` for a new name, undefined to look first.
 * @throws HK_DNS_NAME_INVALID, HK_DNS_RECORD_INVALID, HK_DNS_KEY_INVALID  when the request itself is wrong.
 */
export async function setFailoverRecord(
  target: UpdateTarget,
  wanted: FailoverRecord,
  from: number | 'absent' | undefined,
  ports: DnsPorts,
  signal: AbortSignal,
): Promise<RecordOutcome> {
  let expected = from;
  let looked: NameState['is'] | undefined;
  let occupied = 0;
  for (let round = 0; round < roundsMax; round += 1) {
    if (expected === undefined) {
      const seen = await look(target, wanted, ports, signal);
      if ('outcome' in seen) return seen;
      const decision = decideFailoverUpdate(wanted, seen);
      if (decision.do === 'done') return { outcome: 'unchanged' };
      if (decision.do === 'superseded') return { outcome: 'superseded', epoch: decision.epoch };
      if (decision.do === 'foreign') return { outcome: 'foreign', says: decision.says };
      looked = seen.is;
      expected = seen.is === 'owned' ? seen.epoch : 'absent';
    }
    const sent = await sendUpdate(target.server, buildFailoverUpdate(wanted, expected), target.key, ports, signal);
    if (sent.result !== 'prerequisiteFailed') return outcomeOf(sent, expected);
    // Looked at, found free, and yet in use: the name has records of types that we did not ask for.
    if (expected === 'absent' && looked === 'absent' && sent.rcode === 'YXDOMAIN') occupied += 1;
    if (occupied > 1) return { outcome: 'foreign', says: 'it has records of other types' };
    expected = undefined;
  }
  return { outcome: 'failed', error: dnsErrors.HK_DNS_CONTENDED(`${wanted.name} at ${serverName(target.server)}`) };
}

/**
 * What a server has under the name now. Signed with the target's key, so that the answer can be believed.
 *
 * @throws HK_DNS_UNREACHABLE, HK_DNS_REFUSED, HK_DNS_UNAUTHENTICATED, HK_DNS_MESSAGE_INVALID
 */
export async function readNameState(target: UpdateTarget, name: string, ports: DnsPorts, signal: AbortSignal): Promise<NameState> {
  const seen = await ask(target, name, ports, signal);
  // Several questions are no single moment: of a name that is being created they can show the addresses and not yet the text. What
  // nobody may ever touch again must look so twice.
  return seen.is === 'foreign' ? ask(target, name, ports, signal) : seen;
}

async function ask({ server, key }: UpdateTarget, name: string, ports: DnsPorts, signal: AbortSignal): Promise<NameState> {
  const common = { name, transport: 'tcp', maxMs: lookMaxMs, key } as const;
  const [txt, found] = await Promise.all([
    query(server, { ...common, type: 'TXT' }, ports, signal),
    queryAddresses(server, common, ports, signal),
  ]);
  for (const { rcode } of [txt, found]) {
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') throw dnsErrors.HK_DNS_REFUSED(`${serverName(server)}, ${rcode}`);
  }
  return nameStateOf(textsOf(name, txt.records), found.addresses, found.ttlSeconds);
}

type Failure = Extract<RecordOutcome, { outcome: 'failed' | 'unauthenticated' }>;

async function look(target: UpdateTarget, wanted: FailoverRecord, ports: DnsPorts, signal: AbortSignal): Promise<NameState | Failure> {
  try {
    return await readNameState(target, wanted.name, ports, signal);
  } catch (error) {
    const known = error as HallkeeperError;
    if (known.code === 'HK_DNS_UNAUTHENTICATED') return { outcome: 'unauthenticated', says: known.message };
    if (known.retry === 'backoff') return { outcome: 'failed', error: known };
    throw error;
  }
}

function outcomeOf(sent: Exclude<UpdateResult, { result: 'prerequisiteFailed' }>, took: number | 'absent'): RecordOutcome {
  switch (sent.result) {
    case 'applied': {
      const { result: _result, ...rest } = sent;
      return { outcome: 'applied', took, ...rest };
    }
    case 'refused': {
      const { result: _result, ...rest } = sent;
      return { outcome: 'refused', ...rest };
    }
    case 'unauthenticated': {
      const { result: _result, ...rest } = sent;
      return { outcome: 'unauthenticated', ...rest };
    }
    case 'failed':
      return { outcome: 'failed', error: sent.error };
  }
}
