import type { MemberStatus } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import type { Observations, PairObservation } from './observations.ts';
import { ownRecord } from './own-objects.ts';
import type { MemberView } from './pair-view.ts';
import { resourceModes } from './record-modes.ts';

/** The record of a pair as the operator knows it, in the shape of a PairRecord. What is decided here rests on nothing else of it. */
export interface RecordView {
  readonly spec: Pick<PairRecordSpec, 'mode' | 'primary' | 'epoch' | 'sequence' | 'changedAt'> &
    Partial<Pick<PairRecordSpec, 'reason' | 'author'>>;
}

export interface RecordSources {
  readonly caches: Pick<OperatorCaches, 'pairRecords'>;
  readonly observations: Pick<Observations, 'of'>;
}

/** Whether the members keep the record in an etcd, to which the operator has no access. */
export function isKeptInEtcd({ spec }: FailoverPair): boolean {
  return spec.arbiter.etcd !== undefined;
}

/** Where Kubernetes is the arbiter, the pair's own PairRecord; where an etcd is, the newest that anybody told of. */
export function knownRecord(pair: FailoverPair, { caches, observations }: RecordSources): RecordView | undefined {
  return isKeptInEtcd(pair) ? toldRecord(pair, observations.of(pair.metadata.uid)) : ownRecord(pair, caches);
}

/**
 * The newest record of which a member told, now or when it was last reached. What the pair's status tells counts until somebody was asked
 * since this process began, and beyond that while its epoch is higher: a member that was cut off speaks of the past.
 */
export function toldRecord({ status, spec }: FailoverPair, { members, recordSeen }: PairObservation): RecordView | undefined {
  const told = toldBy(members)
    .filter(({ primary }) => primary === undefined || spec.members.some(({ name }) => name === primary))
    .toSorted((left, right) => right.epoch - left.epoch || right.sequence - left.sequence)[0];
  const { mode, primary, epoch = 0 } = status ?? {};
  if (mode !== undefined && (told === undefined || told.epoch < epoch)) {
    return { spec: { mode, epoch, sequence: 0, ...(primary === undefined ? {} : { primary }) } };
  }
  if (told === undefined) return undefined;
  const isSeen = recordSeen?.epoch === told.epoch && recordSeen.sequence === told.sequence;
  return { spec: isSeen ? { ...told, changedAt: new Date(recordSeen.atMs).toISOString() } : told };
}

/** Why the records of which the members tell cannot be one; undefined when they can. */
export function recordConflict(members: ReadonlyMap<string, MemberView>): string | undefined {
  const [one, other] = toldBy(members);
  if (one === undefined || other === undefined) return undefined;
  const sameEpoch = one.epoch === other.epoch && one.primary !== other.primary;
  const crossed = (one.epoch - other.epoch) * (one.sequence - other.sequence) < 0;
  if (!sameEpoch && !crossed) return undefined;
  return `the members tell of two records, ${inWords(one)} and ${inWords(other)}: they do not obey one arbiter`;
}

type Told = Pick<PairRecordSpec, 'mode' | 'primary' | 'epoch' | 'sequence'>;

/** A newer member may tell of a mode that we do not know. */
const knownModes: Readonly<Record<string, PairRecordSpec['mode']>> = resourceModes;

function toldBy(members: ReadonlyMap<string, MemberView>): readonly Told[] {
  return [...members.values()].flatMap(({ status }) => readTold(status?.record) ?? []);
}

function readTold(record: MemberStatus['record']): Told | undefined {
  const mode = knownModes[record?.mode ?? ''];
  if (record === undefined || mode === undefined) return undefined;
  const { epoch, sequence, primary } = record;
  return { mode, epoch, sequence, ...(mode === 'New' ? {} : { primary }) };
}

const inWords = ({ mode, primary, epoch, sequence }: Told): string =>
  `${mode}${primary === undefined ? '' : ` of ${primary}`} in epoch ${epoch}, sequence ${sequence}`;
