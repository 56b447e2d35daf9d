import { defineErrors } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';

export const recordErrors = defineErrors({
  HK_RECORD_INVALID: { retry: 'never', says: 'the pair record cannot be understood' },
});

/** Name of a member, as the FailoverPair gives it. */
export type MemberName = string;

/**
 * new    Created, never led. Nobody may acknowledge.
 * sync   `primary` acknowledges each commit after the other member flushed it; the other may claim at any moment.
 * solo   `primary` commits alone; the other may not be promoted.
 * claim  `primary` takes over from the other member and has opened nothing yet.
 */
export const pairModes = ['new', 'sync', 'solo', 'claim'] as const;
export type PairMode = (typeof pairModes)[number];

/** A place in the log. Places on different timelines do not compare by their positions. */
export interface LogPlace {
  readonly timeline: number;
  /** PostgreSQL's LSN: bytes since the beginning of the cluster's log. */
  readonly lsn: bigint;
}

/** The format this code writes. A member that reads a higher one freezes. */
export const recordFormat = 1;

/**
 * What the arbiter keeps, changed only by compare-and-swap. Every change raises `sequence` by one, so that of two records the newer
 * can be told although the arbiter's own version is opaque.
 */
export interface PairRecord {
  readonly formatVersion: number;
  readonly sequence: number;
  readonly mode: PairMode;
  /** The member that leads, or takes over; absent only in mode `new`. */
  readonly primary: MemberName | undefined;
  /** Fencing token: rises whenever the member that leads changes. 0 in mode `new`. */
  readonly epoch: number;
  /** PostgreSQL's system identifier, 64 bits in decimal; absent until the first member has initialised its data. */
  readonly systemIdentifier: string | undefined;
  /** Mode `claim`: where the last commit stood that the deposed member called acknowledged; absent when it told none. */
  readonly acknowledged: LogPlace | undefined;
  /** Of each member, drawn by chance: the mark of the last change that it has made. Absent in a record that a person has written. */
  readonly marks?: Readonly<Partial<Record<MemberName, string>>> | undefined;
  /** Why it was changed last, for people. */
  readonly reason: string;
  readonly author: string;
}

/** A record together with the arbiter's own, opaque version of it. */
export interface SeenRecord {
  readonly record: PairRecord;
  readonly version: string;
}

/** The record as the operator creates it. */
export const newRecord: PairRecord = {
  formatVersion: recordFormat,
  sequence: 0,
  mode: 'new',
  primary: undefined,
  epoch: 0,
  systemIdentifier: undefined,
  acknowledged: undefined,
  reason: 'created',
  author: 'operator',
};

type Change = Pick<PairRecord, 'author' | 'reason'>;

const after = (record: PairRecord, change: Partial<PairRecord> & Change): PairRecord => ({
  ...record,
  acknowledged: undefined,
  ...change,
  formatVersion: recordFormat,
  sequence: record.sequence + 1,
});

/** The same record with the next sequence: a request of ours that is still under way can no longer succeed after it. */
export function settled(record: PairRecord): PairRecord {
  return { ...record, sequence: record.sequence + 1 };
}

/** new → solo: the first leader, agreed by both members, neither of which holds data. */
export function found(record: PairRecord, change: Change): PairRecord {
  invariant(record.mode === 'new', 'only a record that was never led is founded');
  return after(record, { ...change, mode: 'solo', primary: change.author, epoch: record.epoch + 1 });
}

/** Names the data that the first leader has initialised. */
export function identify(record: PairRecord, systemIdentifier: string, change: Change): PairRecord {
  invariant(record.mode === 'solo' && record.systemIdentifier === undefined, 'data is named once, by its first leader');
  return after(record, { ...change, systemIdentifier });
}

/** sync → solo, by the primary, when its standby is lost. */
export function degrade(record: PairRecord, change: Change): PairRecord {
  invariant(record.mode === 'sync' && record.primary === change.author, 'only the synchronous primary degrades');
  return after(record, { ...change, mode: 'solo' });
}

/** solo → sync, by the primary, once PostgreSQL already waits for the standby and the standby has everything. */
export function admit(record: PairRecord, change: Change): PairRecord {
  invariant(record.mode === 'solo' && record.primary === change.author, 'only the sole primary admits');
  return after(record, { ...change, mode: 'sync' });
}

/**
 * sync → claim, by the standby.
 *
 * @param acknowledged  Where the last commit stood that the primary called acknowledged; the claimant opens nothing that lacks it, also
 *                      when its agent starts anew in between.
 */
export function claim(record: PairRecord, change: Change, acknowledged?: LogPlace): PairRecord {
  invariant(record.mode === 'sync' && record.primary !== change.author, 'only the synchronous standby claims');
  return after(record, { ...change, mode: 'claim', primary: change.author, epoch: record.epoch + 1, acknowledged });
}

/** claim → solo, by the claimant, once it is promoted behind its gate. */
export function open(record: PairRecord, change: Change): PairRecord {
  invariant(record.mode === 'claim' && record.primary === change.author, 'only the claimant opens');
  return after(record, { ...change, mode: 'solo' });
}

/** claim → solo, by the deposed member, once it has proven behind its gate that it can lead. */
export function takeBack(record: PairRecord, change: Change): PairRecord {
  invariant(record.mode === 'claim' && record.primary !== change.author, 'only the deposed member takes a claim back');
  return after(record, { ...change, mode: 'solo', primary: change.author, epoch: record.epoch + 1 });
}

/**
 * Whether one change may turn `from` into `to`: the table of the protocol, and nothing else.
 * Checked when a record is read, so that a record repaired by hand or restored from a backup is noticed.
 */
export function isLegal(from: PairRecord, to: PairRecord): boolean {
  if (to.sequence !== from.sequence + 1) return false;
  if (from.systemIdentifier !== undefined && to.systemIdentifier !== from.systemIdentifier) return false;
  const sameLeader = to.primary === from.primary && to.epoch === from.epoch;
  const nextLeader = to.primary !== undefined && to.primary !== from.primary && to.epoch === from.epoch + 1;
  switch (`${from.mode}>${to.mode}`) {
    case 'new>new':
    case 'sync>sync':
    case 'solo>solo':
    case 'claim>claim':
    case 'sync>solo':
    case 'solo>sync':
      return sameLeader;
    case 'new>solo':
    case 'sync>claim':
      return nextLeader;
    case 'claim>solo':
      return sameLeader || nextLeader;
    default:
      return false;
  }
}

/**
 * Whether `next` may be believed after `known`: forward in sequence, never back in epoch, one leader in one epoch, and data that keeps its
 * name. Changes between the two may have been missed, so this asks for less than `isLegal`.
 */
export function isForward(known: PairRecord, next: PairRecord): boolean {
  if (known.systemIdentifier !== undefined && next.systemIdentifier !== known.systemIdentifier) return false;
  if (next.epoch === known.epoch && next.primary !== known.primary) return false;
  if (next.sequence === known.sequence) return next.epoch === known.epoch && next.mode === known.mode;
  return next.sequence > known.sequence && next.epoch >= known.epoch;
}

/**
 * Checks a record that came from the arbiter.
 *
 * @throws HK_RECORD_INVALID  with every problem; whoever reads freezes and asks a person (rule 8).
 */
export function checkRecord(record: PairRecord, members: readonly [MemberName, MemberName]): PairRecord {
  const problems: string[] = [];
  if (record.formatVersion > recordFormat) problems.push(`format ${record.formatVersion} is newer than this agent's ${recordFormat}`);
  if (!Number.isSafeInteger(record.sequence) || record.sequence < 0) problems.push('its sequence is not a whole number');
  if (!Number.isSafeInteger(record.epoch) || record.epoch < 0) problems.push('its epoch is not a whole number');
  if (!pairModes.includes(record.mode)) problems.push(`mode ${record.mode} is not known`);
  if (record.mode === 'new' && record.primary !== undefined) problems.push('a new record names a primary');
  if (record.mode !== 'new' && (record.primary === undefined || !members.includes(record.primary))) {
    problems.push(`its primary ${String(record.primary)} is not one of ${members.join(', ')}`);
  }
  if (problems.length > 0) throw recordErrors.HK_RECORD_INVALID(problems.join('; '));
  return record;
}
