import type { MemberName, PairRecord } from './pair-record.ts';

/**
 * By what a member knows the record again, kept on its disk. Counters alone do not tell a record that was set back and changed since:
 * others may have raised them beyond what is remembered. So each member leaves a mark of its own in the record with every change it makes.
 */
export interface RecordTrust {
  readonly sequence: number;
  readonly epoch: number;
  /** Own marks that may stand in the record, at most two: of the last change known to be carried out, and last the one for the next change. */
  readonly marks: readonly string[];
}

/** Why a record is not believed. */
export interface RecordDoubt {
  readonly why: string;
  /** Whoever the doubted record names in an epoch after all that was believed: it may lead already. */
  readonly successor?: MemberName;
}

/**
 * Why this record cannot have come from the one that is trusted; undefined when it can. A record without an own mark is judged by its
 * counters alone: a person has written it anew, or an agent of before there were marks.
 */
export function doubtOf({ sequence, epoch, marks }: RecordTrust, record: PairRecord, self: MemberName): RecordDoubt | undefined {
  const successor = record.epoch > epoch && record.primary !== undefined ? { successor: record.primary } : {};
  if (record.sequence < sequence || record.epoch < epoch) {
    const why = `the record went back from sequence ${sequence}, epoch ${epoch} to ${record.sequence}, ${record.epoch}`;
    return { why, ...successor };
  }
  const own = record.marks?.[self];
  if (own === undefined || marks.length === 0 || marks.includes(own)) return undefined;
  const why = `the record of sequence ${record.sequence}, epoch ${record.epoch} lacks the last change of ${self}: the arbiter, or the disk of ${self}, was set back to an older state`;
  return { why, ...successor };
}

/** The record with this member's mark; the other's is left as it is. */
export function signed(record: PairRecord, self: MemberName, mark: string | undefined): PairRecord {
  return mark === undefined ? record : { ...record, marks: { ...record.marks, [self]: mark } };
}

/** The mark for the next change. */
export function nextMark({ marks }: RecordTrust): string | undefined {
  return marks.at(-1);
}

/** What is trusted once this record was believed. A mark that was used is followed by a fresh one, so that no two changes in turn bear the same. */
export function trustAfter(
  before: RecordTrust | undefined,
  { sequence, epoch, marks }: PairRecord,
  self: MemberName,
  fresh: () => string,
): RecordTrust {
  const own = marks?.[self];
  const next = before === undefined ? undefined : nextMark(before);
  if (before === undefined || next === undefined) return { sequence, epoch, marks: own === undefined ? [fresh()] : [own, fresh()] };
  if (own === undefined) return { sequence, epoch, marks: [next] };
  return { sequence, epoch, marks: own === next ? [own, fresh()] : before.marks };
}
