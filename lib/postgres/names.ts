import type { Gate } from './instance.ts';

/** A name that no walsender ever has: members' names begin with `hallkeeper_member_`. */
export const gateName = 'hallkeeper_gate';

const memberPrefix = 'hallkeeper_member_';

/** By this name a member shows itself to its primary, and by it `synchronous_standby_names` waits for it. Also the name of the slot kept for it. */
export function applicationNameOf(member: string): string {
  return memberPrefix + member.toLowerCase().replaceAll('-', '_');
}

/** The value of `synchronous_standby_names` behind a gate. The name is quoted, for it may hold digits first. */
export function standbyNames(gate: Gate, peer: string): string {
  switch (gate) {
    case 'closed':
      return `"${gateName}"`;
    case 'peer':
      return `FIRST 1 ("${applicationNameOf(peer)}")`;
    case 'none':
      return '';
  }
}
