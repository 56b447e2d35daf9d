/** Times of detection and take-over, all in milliseconds of the member's own monotonic clock. */
export interface PairLimits {
  /** Between heartbeats, remote canaries and local canaries. */
  readonly periodMs: number;
  /** Heartbeat and remote canary both silent for so long: the standby claims. */
  readonly suspectAfterMs: number;
  /** Synchronous canary stuck and the standby silent, or its walsender gone, for so long: the primary degrades. */
  readonly degradeAfterMs: number;
  /** The same while the standby is heard and its flush position moves: slow, not lost. */
  readonly degradeSlowAfterMs: number;
  /** A canary older than this, with the WAL flush position standing still, means that the disk hangs. */
  readonly canaryStaleAfterMs: number;
  /** A claim whose claimant is not heard, or makes no progress, for so long is taken back. */
  readonly takeBackAfterMs: number;
  /** A primary that reaches neither peer nor arbiter for so long lets nobody read. */
  readonly readFenceAfterMs: number;
  /** Between two looks at the record when nothing else asks for one. */
  readonly recordPollMs: number;
  /** A standby that is told to stream and does not for so long is inspected and made anew where it must. */
  readonly attachWithinMs: number;
  /** The same for one that is not consistent yet, and so answers nobody: it may take so long for one file of the log (16 MiB). */
  readonly replayFileWithinMs: number;
  /** After PostgreSQL died under a living agent: the standby's chance to claim before a restart is tried. */
  readonly restartAfterMs: number;
}

export const defaultLimits: PairLimits = {
  periodMs: 100,
  suspectAfterMs: 600,
  degradeAfterMs: 300,
  degradeSlowAfterMs: 2_000,
  canaryStaleAfterMs: 700,
  takeBackAfterMs: 5_000,
  readFenceAfterMs: 1_000,
  recordPollMs: 2_000,
  attachWithinMs: 5_000,
  replayFileWithinMs: 60_000,
  restartAfterMs: 1_000,
};

/** Time allowed for one compare-and-swap when the limits are compared with each other. */
const swapAllowanceMs = 50;

/** The longest way from a hang to the claim that the limits may add up to. */
const worstDetectionMs = 1_200;

/** What is wrong with a set of limits, all at once; empty when they can be used. */
export function limitProblems(limits: PairLimits): readonly string[] {
  const problems: string[] = [];
  const { periodMs, suspectAfterMs, degradeAfterMs, degradeSlowAfterMs, canaryStaleAfterMs } = limits;
  const named = { suspectAfterMs, degradeAfterMs, degradeSlowAfterMs, canaryStaleAfterMs };
  if (periodMs < 20) problems.push(`periodMs ${periodMs} is below 20: the members would do nothing else`);
  for (const [name, value] of Object.entries(named)) {
    if (value < 2 * periodMs) problems.push(`${name} ${value} is below two periods (${2 * periodMs}): one lost message would decide`);
  }
  if (degradeAfterMs + 2 * periodMs + swapAllowanceMs >= suspectAfterMs) {
    problems.push(
      `degradeAfterMs ${degradeAfterMs} + 2 × periodMs ${periodMs} + ${swapAllowanceMs} must be below suspectAfterMs ${suspectAfterMs}: ` +
        'otherwise a standby that was cut off deposes a healthy primary',
    );
  }
  if (degradeSlowAfterMs <= degradeAfterMs) problems.push('degradeSlowAfterMs must be above degradeAfterMs');
  const worst = Math.max(suspectAfterMs, canaryStaleAfterMs) + 2 * periodMs;
  if (worst >= worstDetectionMs) problems.push(`detection could take ${worst} ms, and must stay below ${worstDetectionMs}`);
  return problems;
}
