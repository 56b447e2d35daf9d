import type { MemberStatus } from '#agents/member/contract.ts';
import type {
  FailoverPairStatusMember,
  FailoverPairStatusMemberPosition,
  FailoverPairStatusMemberPositionPast,
} from '#lib/api/failoverpair.gen.ts';
import { explainFailover } from '#lib/pair/explain.ts';
import type { PairFacts } from '#lib/pair/explain.ts';
import type { MemberFacts } from '#lib/pair/member-facts.ts';
import { kubeTime } from '#lib/kube/time.ts';
import { currentStatus } from './pair-facts.ts';
import type { PairView } from './pair-view.ts';
import { resourceModes } from './record-modes.ts';

const servers = { running: 'Running', starting: 'Starting', down: 'Down' } as const;
const copies = { complete: 'Complete', incomplete: 'Incomplete', empty: 'Empty' } as const;
const waits = { peer: 'Peer', none: 'Nobody', gate: 'Gate', unknown: 'Unknown' } as const;

/** As the schema limits them. */
const frozenMax = 512;
const stuckMax = 256;

/** While the record is lost the position is written anew this often, and never else: it changes with every commit. */
const positionEveryMs = 10_000;

/** What a member is known to be, in the words of the resource. `hallctl` reads it back and comes to the verdict that we come to. */
export function factsOfMember(name: string, view: PairView, facts: PairFacts, nowMs: number): Partial<FailoverPairStatusMember> {
  const told = facts.heard.find((each) => each.name === name);
  if (told === undefined) return { heard: 'NotHeard' };
  const status = currentStatus(view.members.get(name));
  const systemIdentifier = status?.systemIdentifier;
  const position = positionOf(name, view, facts, nowMs);
  return {
    heard: status?.facts === told ? 'Directly' : 'ThroughPeer',
    ...recordOf(told),
    ...(told.frozen === undefined ? {} : { frozen: told.frozen.slice(0, frozenMax) }),
    arbiterReached: told.arbiterReached,
    paused: told.paused,
    postgresql: servers[told.postgres],
    data: copies[told.data],
    copying: told.copying,
    streaming: told.streaming,
    waitsFor: waits[told.waitsFor],
    hearsPeer: told.hearsPeer,
    ...(told.stuck === undefined ? {} : { stuck: told.stuck.slice(0, stuckMax) }),
    replayBehind: told.replayBehind,
    diskFull: facts.diskFull.includes(name),
    ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
    ...(position === undefined ? {} : { position }),
  };
}

function recordOf({ record }: MemberFacts): Pick<FailoverPairStatusMember, 'knows'> {
  if (record === undefined) return {};
  const { mode, epoch, sequence, primary } = record;
  return { knows: { mode: resourceModes[mode], epoch, sequence, ...(primary === undefined ? {} : { primary }) } };
}

function positionOf(
  name: string,
  { pair, members }: PairView,
  facts: PairFacts,
  nowMs: number,
): FailoverPairStatusMemberPosition | undefined {
  const status = currentStatus(members.get(name));
  if (status === undefined || explainFailover(facts).blockedBy !== 'RecordLost') return undefined;
  const before = pair.status?.members?.find((each) => each.name === name)?.position;
  if (before !== undefined && nowMs - Date.parse(before.seenAt) < positionEveryMs) return before;
  const { flushPosition, positionExact, past } = status;
  return { flushed: flushPosition, exact: positionExact, seenAt: kubeTime(nowMs), ...(past === undefined ? {} : { past: pastOf(past) }) };
}

function pastOf({ switches, start, strays }: NonNullable<MemberStatus['past']>): FailoverPairStatusMemberPositionPast {
  return { switches, ...(start === undefined ? {} : { start }), strays };
}
