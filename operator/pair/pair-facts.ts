import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { heardFrom } from '#lib/pair/explain.ts';
import type { PairFacts } from '#lib/pair/explain.ts';
import type { KnownRecord } from '#lib/pair/member-facts.ts';
import { isKeptInEtcd, recordConflict } from './known-record.ts';
import type { RecordView } from './known-record.ts';
import { isPaused } from './paused.ts';
import { protocolModes } from './record-modes.ts';
import type { MemberView, PairView } from './pair-view.ts';

/** Below this a member may soon be unable to write. */
export const diskFreePercentMin = 5;
/** Once told, so much must be free again before it is taken back: a disk at the edge is no news each time it moves. */
export const diskFreePercentAgain = 7;

/** What the operator knows of a pair for the verdict about a failover. */
export function pairFactsOf(view: PairView): PairFacts {
  const { pair, record, members } = view;
  const [one, other] = pair.spec.members.map(({ name }) => name);
  const answered = [...members.values()].filter(({ reachable, why }) => reachable && why === undefined);
  // A member that has just failed to answer is what its peer says of it; what it said last counts only when there is nobody to ask.
  const told = (answered.length > 0 ? answered : [...members.values()]).flatMap((member) => currentStatus(member) ?? []);
  return {
    members: [one ?? '', other ?? ''],
    record: record === undefined ? undefined : factsOfRecord(record),
    recordLost: recordProblem(view),
    paused: isPaused(pair),
    heard: heardFrom(told),
    diskFull: [...members].filter(([name, member]) => isDiskFull(view, name, member)).map(([name]) => name),
  };
}

/** Why the record that there is, or is not, cannot be used by the members. */
function recordProblem({ pair, record, members }: PairView): string | undefined {
  // What an etcd holds the members alone can tell; that it is gone they say themselves.
  return isKeptInEtcd(pair) ? recordConflict(members) : problemOfPairRecord(pair, record);
}

/** The same of a record that Kubernetes keeps. */
export function problemOfPairRecord(pair: FailoverPair, record: RecordView | undefined): string | undefined {
  if (record === undefined) return pair.status?.mode === undefined ? undefined : 'the PairRecord is gone';
  const { mode, primary } = record.spec;
  const names = pair.spec.members.map(({ name }) => name);
  if (mode === 'New' || (primary !== undefined && names.includes(primary))) return undefined;
  return `the PairRecord names ${String(primary)} as primary, which is no member of this pair`;
}

export function factsOfRecord({ spec }: RecordView): KnownRecord {
  return { sequence: spec.sequence, mode: protocolModes[spec.mode], epoch: spec.epoch, primary: spec.primary };
}

function isDiskFull({ pair }: PairView, name: string, member: MemberView): boolean {
  const free = currentStatus(member)?.diskFreePercent ?? 100;
  const told = pair.status?.members?.find((each) => each.name === name)?.diskFull === true;
  return free < (told ? diskFreePercentAgain : diskFreePercentMin);
}

/** What a member said, if it was just now. */
export function currentStatus(view: MemberView | undefined): MemberView['status'] {
  return view?.reachable === true ? view.status : undefined;
}
