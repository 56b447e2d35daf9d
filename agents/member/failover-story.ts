import type { Takeover } from '#lib/pair/member-state.ts';
import { formatLsn } from '#lib/postgres/lsn.ts';
import type { FailoverReport } from './contract-status.ts';
import { routeWaitMs } from './route-clock.ts';

/** Where a take-over stands in the clock of the process and in the clock on the wall. */
export interface StoryClock {
  /** Awake milliseconds now, in which the instants of a take-over are given. */
  readonly awakeMs: number;
  readonly wallMs: number;
}

/**
 * The report of a finished take-over. `routedMs` is when clients were led here, in awake time; undefined: they are not yet, or nobody knows.
 * Undefined while the take-over goes on: for both that and the first canary it is held for a while, and told without what does not come.
 */
export function reportOf(
  takeover: Takeover,
  routedMs: number | undefined,
  members: { readonly from: string; readonly to: string },
  now: StoryClock,
): FailoverReport | undefined {
  const { lastGoodMs, decidedMs, claimedMs, fencedMs, promotedMs, openedMs } = takeover;
  if (claimedMs === undefined || fencedMs === undefined || promotedMs === undefined || openedMs === undefined) return undefined;
  const { lastWriteMs, firstWriteMs, acknowledged, flushAtOpen } = takeover;
  if ((routedMs === undefined || firstWriteMs === undefined) && now.awakeMs - openedMs < routeWaitMs) return undefined;
  const span = (from: number, to: number): number => Math.max(0, Math.round(to - from));
  const wallOf = (awake: number): string => new Date(now.wallMs - (now.awakeMs - awake)).toISOString();
  return {
    epoch: takeover.epoch,
    reason: takeover.reason,
    why: takeover.why,
    ...members,
    startedAt: wallOf(decidedMs),
    completedAt: wallOf(Math.max(openedMs, routedMs ?? openedMs)),
    phasesMs: {
      detect: span(lastGoodMs, decidedMs),
      decide: span(decidedMs, claimedMs),
      fence: span(claimedMs, fencedMs),
      promote: span(fencedMs, promotedMs),
      open: span(promotedMs, openedMs),
      ...(routedMs === undefined ? {} : { route: span(openedMs, routedMs) }),
    },
    outageMs: span(lastWriteMs, firstWriteMs ?? openedMs),
    positionAtClaim: formatLsn(takeover.flushAtClaim),
    ...(flushAtOpen === undefined ? {} : { positionAtOpen: formatLsn(flushAtOpen) }),
    ...(acknowledged === undefined ? {} : { positionAcknowledged: formatLsn(acknowledged) }),
  };
}
