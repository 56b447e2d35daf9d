import type { MemberStatus } from '#agents/member/contract.ts';
import type { FailoverPairStatus, FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { Condition } from '#lib/api/shared.gen.ts';
import { setCondition } from '#lib/kube/conditions.ts';
import type { Condition as KubeCondition } from '#lib/kube/conditions.ts';
import { kubeTime } from '#lib/kube/time.ts';
import type { PairFacts } from '#lib/pair/explain.ts';
import { inSteps, isCopying } from './decide-conditions.ts';
import { decideFailovers } from './decide-failovers.ts';
import { factsOfMember } from './member-facts-status.ts';
import type { PairStatement } from './pair-conditions.ts';
import { pairFactsOf } from './pair-facts.ts';
import type { MemberView, PairView } from './pair-view.ts';

/** Up to this much the standby counts as having everything: what is under way at any moment. */
const lagNoneBytes = 1_048_576;
const lagSmallBytes = 67_108_864;
/** Back to a smaller lag it goes only below this part of the limit, so that a lag at the limit is not a write each time it moves. */
const lagBackPart = 0.5;

/**
 * The status of a pair: what changed, and nothing that changes with every commit. Times and history of the status there is are kept.
 *
 * @param nowMs  Wall time.
 */
export function decideStatus(view: PairView, statements: readonly PairStatement[], nowMs: number): FailoverPairStatus {
  const { pair, record, halls } = view;
  const before = pair.status;
  const names = pair.spec.members.map(({ name }) => name);
  const { mode, primary, epoch } = record?.spec ?? before ?? {};
  const standby = primary === undefined ? undefined : names.find((name) => name !== primary);
  const facts = pairFactsOf(view);
  return {
    observedGeneration: pair.metadata.generation,
    conditions: conditionsOf(before?.conditions ?? [], statements, pair.metadata.generation, nowMs),
    ...(mode === undefined ? {} : { mode }),
    ...(primary === undefined ? {} : { primary }),
    ...(standby === undefined ? {} : { standby }),
    ...(epoch === undefined ? {} : { epoch }),
    usedBy: halls
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name)
      .slice(0, usedByMax)
      .toSorted(),
    members: names.map((name) => memberOf(name, view, facts, primary, nowMs)),
    ...decideFailovers(view, nowMs),
  };
}

/** As the schema limits it: more Halls than this are one too many anyway. */
const usedByMax = 16;

function conditionsOf(
  before: readonly Condition[],
  statements: readonly PairStatement[],
  generation: number,
  nowMs: number,
): readonly Condition[] {
  const known = before.filter(({ type }) => statements.some((each) => each.type === type)) as readonly KubeCondition[];
  return statements.reduce<readonly KubeCondition[]>(
    (conditions, statement) => setCondition(conditions, { ...statement, observedGeneration: generation }, nowMs),
    known,
  );
}

function memberOf(name: string, view: PairView, facts: PairFacts, primary: string | undefined, nowMs: number): FailoverPairStatusMember {
  const { pair, members } = view;
  const member: MemberView | undefined = members.get(name);
  const before = pair.status?.members?.find((each) => each.name === name);
  // Until it was asked for the first time since our start, what a leader before us saw is the best there is.
  if (member === undefined) return before ?? { name, role: 'Unknown', reachable: false, heard: 'NotHeard' };
  const { reachable, status } = member;
  const told = factsOfMember(name, view, facts, nowMs);
  const role = roleOf(name, status, facts);
  if (status === undefined) return { name, role, reachable, ...told };
  const step = inSteps(status.step);
  const lag = name === primary ? undefined : lagOf(status, members, primary, before?.lag);
  const began = kubeTime(nowMs - status.stepSeconds * 1_000);
  return {
    name,
    role,
    reachable,
    timeline: status.timeline,
    ...(lag === undefined ? {} : { lag }),
    step,
    since: before?.step === step && before.since !== undefined ? before.since : began,
    ...told,
  };
}

function roleOf(name: string, status: MemberStatus | undefined, { heard }: PairFacts): NonNullable<FailoverPairStatusMember['role']> {
  const told = heard.find((each) => each.name === name);
  const role = told === undefined ? status?.role : told.postgres === 'running' ? told.role : 'none';
  return role === 'primary' ? 'Primary' : role === 'standby' ? 'Standby' : 'Unknown';
}

/** How far the standby is behind, as the primary tells it. Nothing is said while it cannot tell. */
function lagOf(
  status: MemberStatus,
  members: PairView['members'],
  primary: string | undefined,
  before: FailoverPairStatusMember['lag'],
): NonNullable<FailoverPairStatusMember['lag']> | undefined {
  if (isCopying(status.step)) return 'Large';
  const bytes = primary === undefined ? undefined : members.get(primary)?.status?.lagBytes;
  if (bytes === undefined) return undefined;
  if (bytes < (before === 'Small' || before === 'Large' ? lagNoneBytes * lagBackPart : lagNoneBytes)) return 'None';
  return bytes < (before === 'Large' ? lagSmallBytes * lagBackPart : lagSmallBytes) ? 'Small' : 'Large';
}
