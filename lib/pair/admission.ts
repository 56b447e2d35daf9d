import { doubledMs } from '#lib/base/retry.ts';
import { awakeMs } from './member-state.ts';
import type { AdmissionView, MemberState } from './member-state.ts';

/**
 * Pauses before a standby that was lost again is waited for again: the first loss costs none, then the first pause, doubled up to the
 * last. Each admission of a standby that flaps makes commits wait for the time it takes to find it lost.
 */
export const admissionRetry = { firstMs: 500, maxMs: 10_000 } as const;

/** A standby that was waited for so long without a loss has proven itself: the next loss counts as the first. */
export const admissionProvenMs = 60_000;

/**
 * Whether the peer can be waited for: its stream stands and its agent is heard, so that both of our signals work. A walsender that hangs
 * is shown as streaming for ever: what lags and has not moved for as long as would make it lost again is not waited for. Its server must
 * run on: one that is being stopped or started may be about to be made anew. And it is on our timeline: PostgreSQL takes the flush position of a standby that asks for an older timeline, whose end it may have passed, for that
 * of its own log, and would release commits that are on no other disk.
 */
export function canAdmit(state: MemberState): boolean {
  const { postgres, peerView, limits } = state;
  const heard = peerView.link === 'connected' && awakeMs(state) - peerView.heardMs < limits.degradeAfterMs;
  const { heartbeat } = peerView;
  return (
    postgres.peerAttached &&
    heard &&
    !standsStill(state) &&
    heartbeat?.role === 'standby' &&
    heartbeat.postgres === 'running' &&
    heartbeat.data === 'complete' &&
    heartbeat.leaving === undefined &&
    heartbeat.timeline === postgres.timeline
  );
}

/** The standby lags, and its position has not moved for as long as would make it lost. */
export function standsStill(state: MemberState): boolean {
  const { postgres, limits, peerFlushMovedMs } = state;
  return postgres.peerFlush < postgres.flush && awakeMs(state) - peerFlushMovedMs >= limits.canaryStaleAfterMs;
}

/** Whether the pause after earlier losses is over. */
export function mayAdmit(state: MemberState): boolean {
  return awakeMs(state) >= state.admission.notBeforeMs;
}

/** Whether an admission under way has lost its ground: no commit may wait for a standby that is gone. */
export function mustLeaveAdmission(state: MemberState): boolean {
  const { heartbeat, heardMs } = state.peerView;
  return !state.postgres.peerAttached || heartbeat?.leaving !== undefined || awakeMs(state) - heardMs >= state.limits.degradeAfterMs;
}

/** The standby was recorded as waited for. */
export function entered({ losses, notBeforeMs }: AdmissionView, now: number): AdmissionView {
  return { losses, notBeforeMs, sinceMs: now };
}

/** The standby was lost: on the way to being waited for, or afterwards. */
export function lost({ losses, sinceMs }: AdmissionView, now: number): AdmissionView {
  const proven = sinceMs !== undefined && now - sinceMs >= admissionProvenMs;
  const again = proven ? 0 : losses;
  const pauseMs = again === 0 ? 0 : doubledMs(again, admissionRetry);
  return { losses: again + 1, notBeforeMs: now + pauseMs, sinceMs: undefined };
}
