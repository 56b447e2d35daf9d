import type { Acknowledged } from '../pair/writer.ts';

/**
 * How often acknowledging went over from one member to the other. A turn counts when a write that began after the last acknowledgement of
 * the one was acknowledged by the other; two members that acknowledge at once turn again and again within one epoch.
 */
export function turnsOf(a: readonly Acknowledged[], b: readonly Acknowledged[], sinceMs: number): number {
  const all = [...a.map((each) => ({ ...each, by: 'a' as const })), ...b.map((each) => ({ ...each, by: 'b' as const }))]
    .filter(({ atMs }) => atMs >= sinceMs)
    .toSorted((one, two) => one.atMs - two.atMs);
  let turns = 0;
  let owner = all[0];
  for (const each of all) {
    if (owner !== undefined && each.by !== owner.by && each.sentMs > owner.atMs) turns += 1;
    else if (owner !== undefined && each.by !== owner.by) continue;
    owner = each;
  }
  return turns;
}
