/** The connection that a name has now, if any. */
export interface IncumbentRun {
  readonly runKey: string;
  readonly isOpen: boolean;
  /** Time since it was last heard, by the hall's watch. */
  readonly silentMs: number;
}

/**
 * What becomes of a hello.
 *
 * admit    The name is free, or its run is gone.
 * replace  The same run called again over another connection: the older one is let go.
 * refuse   Another run with the same certificate is alive.
 */
export type RunDecision = 'admit' | 'replace' | 'refuse';

/** A run counts as alive for this many heartbeat intervals. */
const aliveIntervals = 2.5;

export function decideRun(incumbent: IncumbentRun | undefined, runKey: string, intervalMs: number): RunDecision {
  if (incumbent === undefined) return 'admit';
  if (incumbent.runKey === runKey) return incumbent.isOpen ? 'replace' : 'admit';
  return incumbent.isOpen && incumbent.silentMs < aliveIntervals * intervalMs ? 'refuse' : 'admit';
}
