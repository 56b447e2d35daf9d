import type { MemberFacts } from './member-facts.ts';
import type { MemberName } from './pair-record.ts';

/** How the clients of a pair fare in which nobody takes over. Empty: somebody serves them. */
export interface PairService {
  /** Why no client is served, or it is not known whether any is: one sentence. */
  readonly unserved?: string;
  /** Set where clients may be served all the same: somebody is seen who may serve them, and does not tell. */
  readonly maybeServed?: true;
}

/** How the clients of a pair fare in which nobody takes over, as far as whoever hears `heard` can see. */
export function serviceOf(heard: readonly MemberFacts[], primary: MemberName, standby: MemberName): PairService {
  const lead = heard.find(({ name }) => name === primary);
  const other = heard.find(({ name }) => name === standby);
  if (lead !== undefined) {
    const halted = whyHalted(lead);
    if (halted !== undefined)
      return { unserved: `Nobody serves clients now: ${primary}, the primary by the record, does not lead: ${halted}.` };
    return lead.postgres === 'down' && lead.role === 'primary'
      ? {
          unserved: `Nobody serves clients now: PostgreSQL of ${primary}, the primary by the record, is down, and its agent has to start it.`,
        }
      : {};
  }
  if (other === undefined) {
    return { unserved: 'Neither member is heard: either nobody serves clients now, or only whoever looks is cut off from both.' };
  }
  return other.streaming
    ? {
        unserved: `The agent of ${primary} is heard by nobody: at most its PostgreSQL, whose stream ${standby} still has, serves clients.`,
        maybeServed: true,
      }
    : { unserved: `Nobody serves clients now, as far as can be seen: ${primary}, the primary by the record, is heard by nobody.` };
}

/** Why who leads by the record does not, although it is heard, and by itself will not soon: half a sentence. Undefined: it does, or may. */
export function whyHalted(lead: MemberFacts): string | undefined {
  if (lead.postgres === 'down' && lead.data !== 'complete') {
    return lead.data === 'empty' ? 'it holds no data' : 'it cannot start: its data has no proof that it is complete';
  }
  const fails = lead.postgres === 'down' && lead.role === 'primary';
  return fails || lacksAcknowledged(lead) ? lead.stuck : undefined;
}

/**
 * Whether the member itself says that it lacks what was acknowledged: it will not lead unless a person accepts that loss. Whatever else it
 * is stuck by loses nothing, and is not ended by letting it lead.
 */
export function lacksAcknowledged({ stuck }: Pick<MemberFacts, 'stuck'>): boolean {
  return stuck?.endsWith('so it lacks what was acknowledged') === true;
}
