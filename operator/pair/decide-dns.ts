import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { RecordOutcome } from '#lib/dns/record-outcome.ts';
import { outcomeInWords } from '#lib/dns/record-outcome.ts';
import { isInSync } from '#lib/dns/failover-record.ts';
import type { FailoverRecord, NameState } from '#lib/dns/failover-record.ts';
import type { DnsServerView } from './pair-view.ts';

/** What one server shows, and whether the operator writes the record there now. */
export interface DnsVerdict {
  readonly state: DnsServerView['state'];
  readonly says: string;
  readonly repair: boolean;
}

/** What the name should show; undefined while nobody leads. */
export function wantedName(
  { metadata, spec }: FailoverPair,
  record: { readonly mode: string; readonly primary?: string; readonly epoch: number } | undefined,
): FailoverRecord | undefined {
  const address = spec.members.find(({ name }) => name === record?.primary)?.host?.address;
  if (spec.dns === undefined || record === undefined || address === undefined) return undefined;
  if (record.mode !== 'Sync' && record.mode !== 'Solo') return undefined;
  const { zone, name, ttl } = spec.dns;
  return { zone, name, ttlSeconds: ttl, address, pairUid: metadata.uid, epoch: record.epoch };
}

/**
 * Judges one server's answer. Only what the pair's own record calls for is ever written, and only over what this pair set in the same
 * epoch or an earlier one.
 *
 * @param before  What the server showed when it was asked before for the same epoch; undefined when it was not. The member that has
 *                just opened writes the name itself, so the first look at an epoch only sees that it is on its way.
 */
export function judgeName(wanted: FailoverRecord, seen: NameState, before: DnsServerView['state'] | undefined): DnsVerdict {
  if (isInSync(wanted, seen)) return { state: 'in sync', says: '', repair: false };
  if (seen.is === 'foreign') return { state: 'foreign', says: seen.says, repair: false };
  if (seen.is === 'owned' && seen.pairUid !== wanted.pairUid) {
    return { state: 'foreign', says: `it belongs to pair ${seen.pairUid}`, repair: false };
  }
  if (seen.is === 'owned' && seen.epoch > wanted.epoch) {
    // A failover of this moment, of which the name tells earlier than our cache; or somebody's hand.
    const state = before === undefined || before === 'in sync' ? 'moving' : 'ahead';
    return { state, says: `it shows ${seen.addresses.join(', ')} of the later epoch ${seen.epoch}`, repair: false };
  }
  const says = seen.is === 'absent' ? 'it has no record' : `it shows ${shown(seen)} of epoch ${seen.epoch}`;
  return before === undefined ? { state: 'moving', says, repair: false } : { state: 'behind', says, repair: true };
}

/** What is said of a server on which a repair did not succeed; undefined: it has the record, or had it. */
export function judgeRepair(outcome: RecordOutcome): Pick<DnsServerView, 'state' | 'says'> | undefined {
  const says = outcomeInWords(outcome);
  switch (outcome.outcome) {
    case 'applied':
    case 'unchanged':
      return undefined;
    case 'superseded':
      return { state: 'ahead', says };
    case 'foreign':
      return { state: 'foreign', says: outcome.says };
    case 'refused':
    case 'unauthenticated':
      return { state: 'refused', says };
    case 'failed':
      return { state: 'behind', says };
  }
}

function shown({ addresses, ttlSeconds }: Extract<NameState, { is: 'owned' }>): string {
  if (addresses.length === 0) return 'no address';
  return `${addresses.join(', ')}${ttlSeconds === undefined ? '' : ` with TTL ${ttlSeconds}`}`;
}
