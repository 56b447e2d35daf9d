/** What became of acknowledged writes. */
export interface Losses {
  /** Writes that are missing in either copy; undefined: nothing is known to be lost, but not everything was compared. */
  readonly lost: number | undefined;
  /** In words, where something is missing; empty otherwise. */
  readonly problems: readonly string[];
}

/**
 * Compares what was acknowledged with what both members hold.
 *
 * @param held  The ids of each copy; undefined where it could not be read.
 */
export function lossesOf(
  acknowledged: readonly number[],
  held: { readonly leader: ReadonlySet<number> | undefined; readonly standby: ReadonlySet<number> | undefined },
): Losses {
  const missingIn = (copy: ReadonlySet<number> | undefined): readonly number[] =>
    copy === undefined ? [] : acknowledged.filter((id) => !copy.has(id));
  const leader = missingIn(held.leader);
  const standby = missingIn(held.standby);
  const lost = new Set([...leader, ...standby]).size;
  return {
    lost: lost === 0 && (held.leader === undefined || held.standby === undefined) ? undefined : lost,
    problems: [
      ...(leader.length > 0 ? [`${leader.length} acknowledged writes are lost, ${leader[0] ?? ''} first`] : []),
      ...(standby.length > 0 ? [`${standby.length} acknowledged writes are missing on the standby, ${standby[0] ?? ''} first`] : []),
    ],
  };
}
