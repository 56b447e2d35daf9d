/**
 * Where the ids of each who writes into the table of the stand begin: nobody's row may stand in for one of another that is lost. The
 * client that goes through the public name begins at 1.
 */
export const firstIds = {
  /** Whoever goes straight to one member. */
  a: 1_000_000_000,
  b: 2_000_000_000,
  brokenWaits: 3_000_000_000,
  load: 4_000_000_000,
  patient: 5_000_000_000,
  /** Whoever sits on one machine. */
  localA: 6_000_000_000,
  localB: 7_000_000_000,
} as const;
