import type { RosterAttempt } from './fleet-link.ts';
import type { FleetPicture } from './fleet-picture.ts';

export type RosterPush = { readonly do: 'put' } | { readonly do: 'wait'; readonly ms: number } | { readonly do: 'nothing' };

/** After a failed attempt, and until the feed must have told of a stored one. */
export const pushAgainMs = 2_000;
export const storedUnseenMs = 10_000;

/** Whether the roster is stored now: the leading member reports another revision, and this one was not just tried. */
export function decideRosterPush(
  wanted: string,
  { connected, known, rosterRevision }: Pick<FleetPicture, 'connected' | 'known' | 'rosterRevision'>,
  attempt: RosterAttempt | undefined,
  nowMs: number,
): RosterPush {
  if (!connected || !known || rosterRevision === wanted) return { do: 'nothing' };
  if (attempt?.revision !== wanted) return { do: 'put' };
  if (attempt.refused) return { do: 'nothing' };
  const ms = attempt.atMs + (attempt.stored ? storedUnseenMs : pushAgainMs) - nowMs;
  return ms <= 0 ? { do: 'put' } : { do: 'wait', ms };
}
