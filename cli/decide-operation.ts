import type { PairOperationType } from '#lib/api/pairoperation.gen.ts';
import { unreachable } from '#lib/base/invariant.ts';
import { isOver, stateOf } from './operation-end.ts';
import type { PairSeen } from './pair-seen.ts';
import { pauseOf } from './pause-seen.ts';

/** What a person wants of a pair. */
export interface OperationWish {
  readonly type: PairOperationType;
  /** For a switchover: who shall lead; absent: the standby. For a reinitialization: whose data is copied anew. */
  readonly member: string | undefined;
  readonly reason: string;
  /** Who wants it, where that is known. */
  readonly author?: string | undefined;
}

export interface OperationPlan {
  /** The member that the operation names. */
  readonly member: string | undefined;
  /** Everything that speaks against it and is known already. Whether the members are well enough for it, the operator decides. */
  readonly problems: readonly string[];
}

interface Leading {
  readonly mode?: string;
  readonly primary?: string;
}

/** As the schema of a PairOperation has it. */
const reasonMax = 300;

/** What is asked for, or why the operator would refuse it. */
export function decideOperation(seen: PairSeen, wish: OperationWish): OperationPlan {
  const { pair } = seen;
  const leaving = pair.metadata.deletionTimestamp === undefined ? [] : [`the pair ${pair.metadata.name} is being deleted`];
  const { length } = wish.reason;
  const reason = length > 0 && length <= reasonMax ? [] : [`the reason has ${length} characters, and must have 1 to ${reasonMax}`];
  const { member, problems } = byType(seen, wish);
  return { member, problems: [...leaving, ...reason, ...problems] };
}

function byType(seen: PairSeen, { type, member }: OperationWish): OperationPlan {
  const names = seen.pair.spec.members.map(({ name }) => name);
  const { primary } = leadingIn(seen);
  const unled = primary === undefined ? ['nobody leads the pair yet'] : [];
  switch (type) {
    case 'Switchover': {
      const to = member ?? names.find((name) => name !== primary);
      const leads = to !== undefined && to === primary ? [`${to} is the primary already`] : [];
      return { member: to, problems: [...unled, ...strangers(seen, to), ...leads] };
    }
    case 'KillPrimary':
      return { member: undefined, problems: unled };
    case 'Reinitialize':
      return { member, problems: [...unled, ...strangers(seen, member), ...uncopied(seen, member)] };
    case 'Pause':
      return { member: undefined, problems: [] };
    case 'Resume':
      return {
        member: undefined,
        problems: seen.pair.spec.paused
          ? ['spec.paused of the pair is true, and an operation does not change a spec: set it to false there']
          : [],
      };
    default:
      return unreachable(type);
  }
}

function strangers({ pair }: PairSeen, member: string | undefined): readonly string[] {
  const names = pair.spec.members.map(({ name }) => name);
  return member === undefined || names.includes(member)
    ? []
    : [`${pair.metadata.name} has the members ${names.join(' and ')}, not ${member}`];
}

function uncopied(seen: PairSeen, member: string | undefined): readonly string[] {
  const { mode, primary } = leadingIn(seen);
  const leads = member !== undefined && member === primary;
  const recordGone = seen.record === undefined && seen.pair.spec.arbiter.kubernetes !== undefined;
  return [
    ...(recordGone ? ['the pair has no record, so nobody can say which of the two copies counts'] : []),
    ...(mode === 'Claim'
      ? ['one member is taking over at this moment, so nobody leads who could be copied: ask again in some seconds']
      : []),
    ...(leads ? [`${member} leads: only a standby is copied anew; switch over first`] : []),
    ...(mode === 'Sync' && seen.pair.spec.whenStandbyLost === 'Block'
      ? ['by whenStandbyLost: Block every write would wait until the copy is made; set it to Continue for that time']
      : []),
  ];
}

/** Who leads, by the record, or by what the operator last saw of it where an etcd keeps it. */
function leadingIn({ pair, record }: PairSeen): Leading {
  return record?.spec ?? pair.status ?? {};
}

/** Whether neither pair nor member is paused, and no Pause is on its way. */
export function isUnpaused({ pair, operations }: PairSeen): boolean {
  const coming = operations.some((operation) => operation.spec.type === 'Pause' && !isOver(stateOf(operation)));
  return pauseOf(pair, operations) === undefined && !coming && pair.status?.members?.some(({ paused }) => paused === true) !== true;
}

/** What is gone for good when a standby is copied anew, and what holds until that is done. For whoever has to say yes to it. */
export function destroyedBy(seen: PairSeen, member: string): string {
  const { primary = 'the primary', mode } = leadingIn(seen);
  const told = seen.pair.status?.members?.find(({ name }) => name === member);
  const position = told?.position?.flushed === undefined ? '' : `, which reaches ${told.position.flushed},`;
  const alone = mode === 'Solo' ? `${primary} goes on leading alone` : `${primary} leads alone`;
  return (
    `The whole database of ${member}${position} is deleted and copied anew from ${primary}. ` +
    `Until the copy is made and has caught up ${alone}: if ${primary} fails in that time, nobody takes over and the hall stands still; ` +
    `if its disk is lost too, so is everything.`
  );
}
