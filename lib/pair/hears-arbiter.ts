import { awakeMs } from './member-state.ts';
import type { MemberState } from './member-state.ts';

/**
 * Whoever hears nothing of its peer may itself be deaf, while what it sends still arrives. Its change of the record would be carried out,
 * it would never learn of that, and the other member, which could serve, would obey a record whose leader waits for an answer for ever.
 * So whoever acts upon silence has first had an answer of the arbiter in the second half of the time that the silence must last; it is
 * asked for at the half, so that it is there when it is needed.
 *
 * @returns the instant since which an answer is wanted; undefined when none is, or it was had.
 */
export function answerWantedSince(state: MemberState): number | undefined {
  const silence = silenceOf(state);
  if (silence === undefined) return undefined;
  const halfMs = silence.sinceMs + silence.limitMs / 2;
  return awakeMs(state) >= halfMs && state.arbiter.answeredMs < halfMs ? halfMs : undefined;
}

/** Since when the peer gives no sign in mode SYNC, and for how long it must give none: commits that hang, or both paths to the primary. */
function silenceOf({ self, arbiter, limits, canaries, peerView }: MemberState): { sinceMs: number; limitMs: number } | undefined {
  const record = arbiter.seen?.record;
  if (record?.mode !== 'sync') return undefined;
  if (record.primary !== self) return { sinceMs: Math.max(peerView.heardMs, canaries.remote.answeredMs), limitMs: limits.suspectAfterMs };
  const { pendingSinceMs } = canaries.sync;
  return pendingSinceMs === undefined ? undefined : { sinceMs: pendingSinceMs, limitMs: limits.degradeAfterMs };
}
