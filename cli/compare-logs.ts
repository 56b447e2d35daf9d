import type { FailoverPairStatusMember, FailoverPairStatusMemberPositionPast } from '#lib/api/failoverpair.gen.ts';
import type { LogComparison } from '#lib/pair/decide-adoption.ts';
import { decideRejoin } from '#lib/postgres/decide-rejoin.ts';
import type { Lineage } from '#lib/postgres/instance.ts';
import { parseLsn } from '#lib/postgres/lsn.ts';

/**
 * Whether everything in the other member's log is in the chosen one's: exactly then the other could follow the chosen one without losing
 * a record, so the question is the one that a member asks itself before it rejoins.
 *
 * @returns undefined unless both are at rest and have told their pasts.
 */
export function compareLogs(
  chosen: FailoverPairStatusMember | undefined,
  other: FailoverPairStatusMember | undefined,
): LogComparison | undefined {
  const [source, mine] = [lineageOf(chosen), lineageOf(other)];
  if (source === undefined || mine === undefined) return undefined;
  const { do: how, why } = decideRejoin(mine, source);
  return { contained: how === 'stream', why };
}

function lineageOf(member: FailoverPairStatusMember | undefined): Lineage | undefined {
  const { systemIdentifier, timeline, position } = member ?? {};
  if (systemIdentifier === undefined || timeline === undefined || position?.past === undefined || !position.exact) return undefined;
  const { switches, start, strays = [] } = position.past;
  return {
    systemIdentifier,
    timeline,
    endLsn: parseLsn(position.flushed),
    start,
    switches: switchesOf(switches),
    strayHistories: strays.map((stray) => ({ timeline: stray.timeline, switches: switchesOf(stray.switches) })),
  };
}

function switchesOf(switches: FailoverPairStatusMemberPositionPast['switches']): Lineage['switches'] {
  return (switches ?? []).map(({ timeline, end }) => ({ timeline, endLsn: parseLsn(end) }));
}
