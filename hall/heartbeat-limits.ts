import { readFields } from '#lib/base/fields.ts';
import type { Fields } from '#lib/base/fields.ts';
import type { HeartbeatLimits as WireLimits } from '#lib/link/gen/hallkeeper/v1/fleet.ts';

/** Limits of the state decision, complete. Durations in milliseconds of the hall's watch. */
export interface HeartbeatLimits {
  readonly intervalMs: number;
  readonly offlineAfterMs: number;
  readonly hungAfterMs: number;
  readonly graceMs: number;
  readonly startTimeoutMs: number;
  readonly commErrorPercent: number;
  readonly commErrorMinCalls: number;
}

/** Defaults of `Hall.spec.heartbeat`. */
export const heartbeatDefaults: HeartbeatLimits = Object.freeze({
  intervalMs: 1_000,
  offlineAfterMs: 5_000,
  hungAfterMs: 10_000,
  graceMs: 5_000,
  startTimeoutMs: 120_000,
  commErrorPercent: 20,
  commErrorMinCalls: 20,
});

export const limitRanges = {
  intervalMs: { min: 100, max: 60_000 },
  offlineAfterMs: { min: 200, max: 3_600_000 },
  hungAfterMs: { min: 500, max: 3_600_000 },
  graceMs: { min: 0, max: 600_000 },
  startTimeoutMs: { min: 1_000, max: 3_600_000 },
  commErrorPercent: { min: 1, max: 100 },
  commErrorMinCalls: { min: 1, max: 10_000 },
} as const satisfies Record<keyof HeartbeatLimits, { min: number; max: number }>;

export const limitNames = Object.keys(limitRanges) as (keyof HeartbeatLimits)[];

/** Sparse limits as the roster gives them and the ledger stores them. */
export type LimitOverrides = Readonly<Partial<HeartbeatLimits>>;

/** What the wire carries, without absent fields. */
export function overridesOf(wire: WireLimits | undefined): LimitOverrides {
  const given = limitNames.flatMap((name) => {
    const value = wire?.[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

/** The same for the wire. Undefined when nothing is overridden. */
export function wireOverridesOf(overrides: LimitOverrides): WireLimits | undefined {
  if (Object.keys(overrides).length === 0) return undefined;
  return {
    intervalMs: overrides.intervalMs,
    offlineAfterMs: overrides.offlineAfterMs,
    hungAfterMs: overrides.hungAfterMs,
    graceMs: overrides.graceMs,
    startTimeoutMs: overrides.startTimeoutMs,
    commErrorPercent: overrides.commErrorPercent,
    commErrorMinCalls: overrides.commErrorMinCalls,
  };
}

/** Complete limits: `overrides` over `base`. */
export function resolveLimits(base: HeartbeatLimits, overrides: LimitOverrides): HeartbeatLimits {
  return Object.freeze({ ...base, ...overrides });
}

/** Every reason to refuse these limits; empty when they are good. `where` names them in the text. */
export function limitProblems(limits: HeartbeatLimits, where: string): readonly string[] {
  const field: Fields = readFields({ ...limits });
  for (const name of limitNames) field.wholeNumber(name, limitRanges[name]);
  for (const name of ['offlineAfterMs', 'hungAfterMs'] as const) {
    if (limits[name] < 2 * limits.intervalMs) field.problem(name, 'must be at least twice intervalMs');
  }
  return field.problems().map((problem) => `${where}.${problem}`);
}
