/** The member watches its Secret itself: only when that has not helped for so long are settings pushed. */
export const pushAfterMs = 5_000;
/** Between two pushes to one member. */
export const pushEveryMs = 30_000;

export interface PushFacts {
  /** Since when the member reports another revision than its Secret holds; undefined when it has the right one. */
  readonly differsSinceMs: number | undefined;
  /** A member that does not reach the API server may have a token that expired. */
  readonly arbiterReached: boolean;
  /** -Infinity: never. */
  readonly pushedAtMs: number;
}

/** Whether settings and token are pushed to a member now. */
export function decidePush({ differsSinceMs, arbiterReached, pushedAtMs }: PushFacts, nowMs: number): boolean {
  if (nowMs - pushedAtMs < pushEveryMs) return false;
  return !arbiterReached || (differsSinceMs !== undefined && nowMs - differsSinceMs >= pushAfterMs);
}
