import { failoverPhases } from '#agents/member/contract.ts';
import type { FailoverPhase } from '#agents/member/contract.ts';

/** Rows of texts as columns, the first row being the heading. The last column is not padded. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Time since an RFC 3339 text, as Kubernetes shows ages; `-` when there is none. */
export function ageOf(since: string | undefined, nowMs: number): string {
  const ms = nowMs - Date.parse(since ?? '');
  return Number.isFinite(ms) ? ageInWords(ms) : '-';
}

/** A span of time, as Kubernetes shows ages. */
export function ageInWords(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** Phases of a take-over, in the order in which they happen and not in that of their names. */
export function phasesOf(phases: Readonly<Partial<Record<FailoverPhase, number>>> = {}): readonly (readonly [FailoverPhase, number])[] {
  return failoverPhases.flatMap((phase) => (phases[phase] === undefined ? [] : [[phase, phases[phase]] as const]));
}

/** Seconds with as many digits as a person reads. */
export function secondsOf(ms: number): string {
  return ms >= 10_000 ? `${Math.round(ms / 1_000)} s` : `${(ms / 1_000).toFixed(ms >= 1_000 ? 1 : 2)} s`;
}
