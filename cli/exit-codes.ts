import { exitCodes } from '#lib/base/command.ts';

/** Exit codes of hallctl: those of every program, and what else a script may want to tell apart. */
export const hallctlExits = {
  ...exitCodes,
  /** The pair refuses, or would not do it. */
  refused: 3,
  /** Nobody began it in time. */
  expired: 4,
  /** It was not waited for to its end: it goes on, or expires if it has not begun in time. */
  left: 5,
  /** No client is served, as far as can be seen, and nobody takes over by himself. */
  unserved: 6,
  /** Nothing was found out: what the operator told may be out of date. */
  stale: 7,
} as const;
