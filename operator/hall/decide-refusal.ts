import type { Hall } from '#lib/api/hall.gen.ts';
import { rosterMax } from './decide-roster.ts';
import { limitProblems } from './limits.ts';

/** Why the spec of a Hall cannot be met, every reason at once and each with what to do; empty when it can. */
export function refusalsOf({ spec }: Hall, terminals: number): readonly string[] {
  const { enrolment, notify, channels, offlinePolicy, heartbeat } = spec;
  const problems: string[] = [];
  if (enrolment.mode === 'Approved') {
    problems.push('enrolment.mode Approved is not supported yet: use Manual, and bring each terminal the Secret with its certificate');
  }
  const sms = (notify ?? []).filter((entry) => entry.sms !== undefined).map(({ name }) => name);
  if (sms.length > 0) problems.push(`notify[].sms of ${sms.join(', ')} is not supported yet: use email or telegram`);
  if (channels !== undefined && channels.length > 0) {
    problems.push('channels are not supported yet: remove them, terminals use the DNS name of the pair and the addresses of its members');
  }
  if (offlinePolicy !== undefined) problems.push('offlinePolicy is not supported yet: remove it, terminals keep no journal so far');
  problems.push(...limitProblems(heartbeat, undefined));
  if (terminals > rosterMax) problems.push(`the hall has ${terminals} Terminals, and at most ${rosterMax} are served: split it`);
  return problems;
}
