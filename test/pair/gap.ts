/** The longest time without any of these instants between two others, the borders included. All in milliseconds of the process. */
export function longestGapMs(instants: readonly number[], sinceMs: number, untilMs: number): number {
  const inside = instants.filter((at) => at >= sinceMs && at <= untilMs).toSorted((one, two) => one - two);
  const borders = [sinceMs, ...inside, untilMs];
  return borders.reduce((longest, at, index) => Math.max(longest, at - (borders[index - 1] ?? at)), 0);
}
