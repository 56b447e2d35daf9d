import { recordModes } from '#operator/contract.ts';
import type { FailoverPairSpec, FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { MemberFacts } from '#lib/pair/member-facts.ts';

const servers = { Running: 'running', Starting: 'starting', Down: 'down' } as const;
const copies = { Complete: 'complete', Incomplete: 'incomplete', Empty: 'empty' } as const;
const waits = { Peer: 'peer', Nobody: 'none', Gate: 'gate', Unknown: 'unknown' } as const;

/** What the operator wrote down of a member, as the verdict wants it. Undefined: it was not heard, or by an operator that tells less. */
export function factsOfStatus(
  member: FailoverPairStatusMember,
  whenStandbyLost: FailoverPairSpec['whenStandbyLost'],
): MemberFacts | undefined {
  const { name, knows, heard } = member;
  if (heard === undefined || heard === 'NotHeard') return undefined;
  return {
    name,
    record:
      knows === undefined
        ? undefined
        : { sequence: knows.sequence, mode: recordModes[knows.mode], epoch: knows.epoch, primary: knows.primary },
    frozen: member.frozen,
    arbiterReached: member.arbiterReached ?? false,
    paused: member.paused ?? false,
    whenStandbyLost: whenStandbyLost === 'Block' ? 'block' : 'continue',
    postgres: servers[member.postgresql ?? 'Down'],
    role: member.role === 'Primary' ? 'primary' : 'standby',
    data: copies[member.data ?? 'Incomplete'],
    copying: member.copying ?? false,
    streaming: member.streaming ?? false,
    waitsFor: waits[member.waitsFor ?? 'Unknown'],
    hearsPeer: member.hearsPeer ?? false,
    stuck: member.stuck,
    replayBehind: member.replayBehind ?? false,
  };
}
