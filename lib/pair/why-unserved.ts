import type { MemberFacts } from './member-facts.ts';
import type { MemberName } from './pair-record.ts';

/** Why no client of a pair is served in which nobody takes over, as far as whoever hears `heard` can see; undefined: somebody serves. */
export function whyUnserved(heard: readonly MemberFacts[], primary: MemberName, standby: MemberName): string | undefined {
  const lead = heard.find(({ name }) => name === primary);
  const other = heard.find(({ name }) => name === standby);
  if (lead !== undefined) {
    return lead.postgres === 'down' && lead.role === 'primary'
      ? `Nobody serves clients now: PostgreSQL of ${primary}, the primary by the record, is down, and its agent has to start it.`
      : undefined;
  }
  if (other === undefined) {
    return `Neither member is heard: either nobody serves clients now, or only whoever looks is cut off from both.`;
  }
  return other.streaming
    ? `The agent of ${primary}, the primary by the record, is heard by nobody: at most its PostgreSQL, whose stream ${standby} still has, serves clients.`
    : `Nobody serves clients now, as far as can be seen: ${primary}, the primary by the record, is heard by nobody.`;
}
