import { canonicalName } from './name.ts';
import { addressData } from './record.ts';
import { addRecord, deleteType, nameNotInUse, recordExists } from './update.ts';
import type { UpdateRequest } from './update.ts';
import { dnsErrors } from './errors.ts';

/** The one address record of a pair, and the ownership text beside it. */
export interface FailoverRecord {
  readonly zone: string;
  /** Whole name, in the zone. */
  readonly name: string;
  readonly ttlSeconds: number;
  readonly address: string;
  readonly pairUid: string;
  readonly epoch: number;
}

/**
 * What a server has under the name.
 *
 * absent   Nothing that we can see.
 * owned    Exactly one TXT, and it is of the form `ownershipText` writes, whoever's pair it names.
 * foreign  Records that no pair set. They are never touched.
 */
export type NameState =
  | { readonly is: 'absent' }
  | {
      readonly is: 'owned';
      readonly pairUid: string;
      readonly epoch: number;
      readonly addresses: readonly string[];
      readonly ttlSeconds?: number;
    }
  | { readonly is: 'foreign'; readonly says: string };

/**
 * done        The server has what we want.
 * update      Send this; it fails if the name is no longer as it was seen.
 * superseded  A later epoch has the name: whoever wants this record is deposed, and stops.
 * foreign     Somebody else's name. A person decides.
 */
export type FailoverDecision =
  | { readonly do: 'done' }
  | { readonly do: 'update'; readonly request: UpdateRequest }
  | { readonly do: 'superseded'; readonly epoch: number }
  | { readonly do: 'foreign'; readonly says: string };

/** The text that says whose name it is. One writer for all: prerequisites compare it byte by byte. */
export const ownershipText = ({ pairUid, epoch }: { readonly pairUid: string; readonly epoch: number }): string =>
  `hallkeeper pair=${pairUid} epoch=${epoch}`;

/** Undefined when the text is not exactly what `ownershipText` writes. */
export function parseOwnership(text: string): { readonly pairUid: string; readonly epoch: number } | undefined {
  const found = /^hallkeeper pair=([a-z0-9-]{1,63}) epoch=(0|[1-9][0-9]{0,15})$/.exec(text);
  const epoch = Number(found?.[2]);
  return found === null || !Number.isSafeInteger(epoch) ? undefined : { pairUid: found[1] ?? '', epoch };
}

/** What a server has, from its answers about TXT and addresses. */
export function nameStateOf(texts: readonly string[], addresses: readonly string[], ttlSeconds?: number): NameState {
  const [text] = texts;
  if (text === undefined)
    return addresses.length === 0 ? { is: 'absent' } : { is: 'foreign', says: 'it has addresses but no ownership TXT' };
  if (texts.length > 1) return { is: 'foreign', says: `it has ${texts.length} TXT records` };
  const owner = parseOwnership(text);
  if (owner === undefined) return { is: 'foreign', says: 'its TXT is not an ownership text of a pair' };
  return { is: 'owned', ...owner, addresses, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) };
}

/**
 * The UPDATE that takes the name from an epoch of the same pair, without looking first. Address and ownership change together.
 *
 * @param from  The epoch whose text must be there now; `absent` when nobody may have the name. Not above the epoch of the record.
 * @throws HK_DNS_RECORD_INVALID  for an address, epoch or uid that cannot be written.
 */
export function buildFailoverUpdate(wanted: FailoverRecord, from: number | 'absent'): UpdateRequest {
  const text = ownershipText(wanted);
  if (parseOwnership(text) === undefined) throw dnsErrors.HK_DNS_RECORD_INVALID('an epoch or pair uid that is none');
  if (from !== 'absent' && from > wanted.epoch) throw dnsErrors.HK_DNS_RECORD_INVALID(`epoch ${wanted.epoch} may not replace ${from}`);
  const { name } = wanted;
  return {
    zone: wanted.zone,
    prerequisites: [from === 'absent' ? nameNotInUse(name) : ownedAt(wanted, from)],
    updates: [
      deleteType(name, 'A'),
      deleteType(name, 'AAAA'),
      deleteType(name, 'TXT'),
      addRecord(name, wanted.ttlSeconds, addressData(wanted.address)),
      addRecord(name, wanted.ttlSeconds, { type: 'TXT', texts: [text] }),
    ],
  };
}

/** The UPDATE that gives the name up, if this epoch of this pair still has it. */
export function buildFailoverRemoval(owned: Pick<FailoverRecord, 'zone' | 'name' | 'pairUid' | 'epoch'>): UpdateRequest {
  const { zone, name } = owned;
  return {
    zone,
    prerequisites: [ownedAt(owned, owned.epoch)],
    updates: [deleteType(name, 'A'), deleteType(name, 'AAAA'), deleteType(name, 'TXT')],
  };
}

/**
 * What a writer does after it has looked. It goes on only from an older epoch of its own pair, or to mend its own epoch's address.
 *
 * @throws HK_DNS_RECORD_INVALID
 */
export function decideFailoverUpdate(wanted: FailoverRecord, seen: NameState): FailoverDecision {
  switch (seen.is) {
    case 'absent':
      return { do: 'update', request: buildFailoverUpdate(wanted, 'absent') };
    case 'foreign':
      return { do: 'foreign', says: seen.says };
    case 'owned': {
      if (seen.pairUid !== wanted.pairUid) return { do: 'foreign', says: `it belongs to pair ${seen.pairUid}` };
      if (seen.epoch > wanted.epoch) return { do: 'superseded', epoch: seen.epoch };
      return isInSync(wanted, seen) ? { do: 'done' } : { do: 'update', request: buildFailoverUpdate(wanted, seen.epoch) };
    }
  }
}

/** Whether a server shows exactly this record. The TTL counts only where it is known. */
export function isInSync(wanted: FailoverRecord, seen: NameState): boolean {
  if (seen.is !== 'owned' || seen.pairUid !== wanted.pairUid || seen.epoch !== wanted.epoch) return false;
  const data = addressData(wanted.address);
  const address = data.type === 'A' || data.type === 'AAAA' ? data.address : '';
  const sameTtl = seen.ttlSeconds === undefined || seen.ttlSeconds === wanted.ttlSeconds;
  return sameTtl && seen.addresses.length === 1 && seen.addresses[0] === address;
}

/** Names one record on one server's zone, for queues and maps. */
export const recordKey = ({ zone, name }: Pick<FailoverRecord, 'zone' | 'name'>): string => `${canonicalName(zone)} ${canonicalName(name)}`;

function ownedAt(owned: Pick<FailoverRecord, 'name' | 'pairUid'>, epoch: number): ReturnType<typeof recordExists> {
  return recordExists(owned.name, { type: 'TXT', texts: [ownershipText({ pairUid: owned.pairUid, epoch })] });
}
