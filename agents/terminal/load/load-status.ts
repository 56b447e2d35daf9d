import type { TerminalStatus } from '../terminal-agent.ts';

/** One line of the load program. */
export interface LoadStatus {
  readonly total: number;
  readonly online: number;
  /** Highest epoch that any terminal follows. */
  readonly epoch: number;
  /** Terminals by the member that serves them. */
  readonly members: Readonly<Record<string, number>>;
  readonly calls: number;
  readonly failures: number;
  /** Median and largest round trip of the last heartbeats, in seconds; null before the first one. */
  readonly roundTripSeconds: { readonly median: number; readonly max: number } | null;
  /**
   * The last time that not all were online: from the first loss until all were back, in seconds. Null while it lasts, and when there
   * was none.
   */
  readonly reconnectedSeconds: number | null;
  /** Why terminals are not online, with how many say so; at most 5 reasons. */
  readonly reasons: Readonly<Record<string, number>>;
}

const reasonsMax = 5;

/** Watches how long a fleet is not whole. Ask it often: it knows what it was shown. */
export class OutageWatch {
  #lostAtMs: number | undefined;
  #wasWhole = false;
  #lastMs: number | null = null;

  show(statuses: readonly TerminalStatus[], nowMs: number): void {
    const isWhole = statuses.every(({ isOnline }) => isOnline);
    if (isWhole) {
      // The end is the moment the last one came back, not the moment somebody looked.
      const backAtMs = Math.max(...statuses.map(({ sinceMs }) => sinceMs));
      if (this.#lostAtMs !== undefined) this.#lastMs = Math.max(0, backAtMs - this.#lostAtMs);
      this.#lostAtMs = undefined;
      this.#wasWhole = true;
    } else if (this.#wasWhole) {
      const lost = statuses.filter(({ isOnline }) => !isOnline).map(({ sinceMs }) => sinceMs);
      this.#lostAtMs = Math.min(this.#lostAtMs ?? nowMs, ...lost);
      this.#lastMs = null;
    }
  }

  get lastMs(): number | null {
    return this.#lastMs;
  }
}

export function loadStatus(statuses: readonly TerminalStatus[], outage: OutageWatch): LoadStatus {
  const online = statuses.filter(({ isOnline }) => isOnline);
  const trips = statuses
    .flatMap(({ roundTripUs }) => (roundTripUs === undefined ? [] : [roundTripUs / 1_000_000]))
    .toSorted((a, b) => a - b);
  const reasons = countBy(statuses.flatMap(({ isOnline, why }) => (isOnline ? [] : [why])));
  return {
    total: statuses.length,
    online: online.length,
    epoch: Number(statuses.reduce((highest, { epoch }) => (epoch > highest ? epoch : highest), 0n)),
    members: countBy(online.flatMap(({ member }) => (member === undefined ? [] : [member]))),
    calls: statuses.reduce((sum, { calls }) => sum + calls, 0),
    failures: statuses.reduce((sum, { failures }) => sum + failures, 0),
    roundTripSeconds: trips.length === 0 ? null : { median: trips[Math.floor(trips.length / 2)] ?? 0, max: trips.at(-1) ?? 0 },
    reconnectedSeconds: outage.lastMs === null ? null : Math.round(outage.lastMs) / 1_000,
    reasons: Object.fromEntries(
      Object.entries(reasons)
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, reasonsMax),
    ),
  };
}

function countBy(words: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries(counts);
}
