import type { Lineage, TimelineSwitch } from './instance.ts';
import type { Lsn } from './lsn.ts';
import { formatLsn } from './lsn.ts';

/** How a member can become a standby of the source. In doubt it is a copy: that is slow and always right. */
export type RejoinDecision =
  | { readonly do: 'stream'; readonly why: string }
  | { readonly do: 'rewind'; readonly why: string; readonly forkTimeline: number; readonly forkLsn: Lsn }
  | { readonly do: 'copy'; readonly why: string };

/** One timeline of a lineage, and where the lineage leaves it; `open` for the last one, where `endLsn` is as far as the log reaches. */
interface Stretch extends TimelineSwitch {
  readonly open: boolean;
}

/**
 * Compares two members' pasts. Numbers of timelines prove nothing: after a claim that was taken back the claimant has a timeline 2
 * while the other lives on in timeline 1, and two promotions apart from each other make two timelines of one number. These begin at
 * different positions, or else in different first records; once either member has removed that record (after 512 MB of log), equal
 * positions are believed, or every long-lived pair would copy at each restart. Only a person can promote both members apart.
 *
 * @param mine    Of the stopped member that wants to follow. Its end must have been read before the source's.
 * @param source  Of the running primary.
 */
export function decideRejoin(mine: Lineage, source: Lineage): RejoinDecision {
  const decision = decideByPast(mine, source);
  const { keptFromLsn } = source;
  if (decision.do !== 'stream' || keptFromLsn === undefined || mine.endLsn >= keptFromLsn) return decision;
  return copy(`we end at ${formatLsn(mine.endLsn)}, and the source keeps its log only from ${formatLsn(keptFromLsn)} on`);
}

/** Up to where both logs must be the same for the decision to be right; undefined for a copy, which needs nothing of the own log. */
export function lastShared(
  decision: RejoinDecision,
  { timeline, readToLsn }: Lineage,
): { readonly timeline: number; readonly lsn: Lsn } | undefined {
  if (decision.do === 'copy' || readToLsn === undefined) return undefined;
  if (decision.do === 'stream') return { timeline, lsn: readToLsn };
  return { timeline: decision.forkTimeline, lsn: readToLsn < decision.forkLsn ? readToLsn : decision.forkLsn };
}

function decideByPast(mine: Lineage, source: Lineage): RejoinDecision {
  if (mine.systemIdentifier !== source.systemIdentifier)
    return copy(`another cluster: ${mine.systemIdentifier} here, ${source.systemIdentifier} at the source`);
  const stray = mine.strayHistories.find(({ timeline, switches }) => !isAncestry(timeline, switches, source));
  if (stray !== undefined) return copy(`a history of timeline ${stray.timeline} lies here that the source does not share`);
  const own = stretchesOf(mine);
  const theirs = stretchesOf(source);
  for (let index = 0; ; index += 1) {
    const here = own[index];
    const there = theirs[index];
    // Only the last stretch is open and every answer is given there at the latest, so neither list runs out before that.
    if (here === undefined || there === undefined) return copy('the histories have no timeline in common');
    if (here.timeline !== there.timeline) return rewindTo(own[index - 1], mine, source);
    if (!here.open && !there.open && here.endLsn === there.endLsn) continue;
    return compareStretch(here, there, mine, source);
  }
}

/** Both are on one timeline, and at least one of them leaves it elsewhere than the other, or not at all. */
function compareStretch(here: Stretch, there: Stretch, mine: Lineage, source: Lineage): RejoinDecision {
  const { timeline } = here;
  if (here.open && there.open) return compareLiving(mine, source);
  if (here.open) {
    // PostgreSQL asks for the rest of a record that breaks off in the old timeline, from the segment in which it goes on.
    const asksTooMuch = mine.restFromLsn !== undefined && mine.restFromLsn > there.endLsn;
    if (here.endLsn <= there.endLsn && !asksTooMuch)
      return {
        do: 'stream',
        why: `the source left timeline ${timeline} at ${formatLsn(there.endLsn)}, and we end at ${formatLsn(here.endLsn)}`,
      };
    return rewindTo(there, mine, source);
  }
  // We left a timeline on which the source lives on. What it has not reached cannot be taken from it.
  if (there.open && there.endLsn < here.endLsn)
    return copy(`we left timeline ${timeline} at ${formatLsn(here.endLsn)}, and the source ends at ${formatLsn(there.endLsn)}`);
  return rewindTo(there.endLsn < here.endLsn ? there : here, mine, source);
}

/** Both live on the same timeline of the same ancestry. */
function compareLiving(mine: Lineage, source: Lineage): RejoinDecision {
  if (mine.start !== undefined && source.start !== undefined && mine.start !== source.start)
    return copy(`two timelines of number ${mine.timeline} were begun at one position`);
  if (mine.endLsn > source.endLsn)
    return copy(`we reach ${formatLsn(mine.endLsn)} on timeline ${mine.timeline}, and the source only ${formatLsn(source.endLsn)}`);
  return { do: 'stream', why: `both are on timeline ${mine.timeline}, we end at ${formatLsn(mine.endLsn)}` };
}

/** pg_rewind compares timelines by their numbers first: with equal ones it says that nothing is to do, so these need a copy. */
function rewindTo(fork: TimelineSwitch | undefined, mine: Lineage, source: Lineage): RejoinDecision {
  if (fork === undefined) return copy('the histories have no timeline in common');
  if (mine.timeline === source.timeline) return copy(`two different timelines have the number ${mine.timeline}`);
  return {
    do: 'rewind',
    why: `the pasts part on timeline ${fork.timeline} at ${formatLsn(fork.endLsn)}, and we end at ${formatLsn(mine.endLsn)}`,
    forkTimeline: fork.timeline,
    forkLsn: fork.endLsn,
  };
}

function copy(why: string): RejoinDecision {
  return { do: 'copy', why };
}

function stretchesOf({ switches, timeline, endLsn }: Lineage): readonly Stretch[] {
  return [...switches.map((entry) => ({ ...entry, open: false })), { timeline, endLsn, open: true }];
}

/** Whether a history file tells the source's own past: a standby receives it just before it follows to the new timeline. */
function isAncestry(timeline: number, switches: readonly TimelineSwitch[], source: Lineage): boolean {
  const begun = [...source.switches.map((entry) => entry.timeline), source.timeline].indexOf(timeline);
  if (begun !== switches.length) return false;
  return switches.every((entry, index) => {
    const theirs = source.switches[index];
    return theirs?.timeline === entry.timeline && theirs.endLsn === entry.endLsn;
  });
}
