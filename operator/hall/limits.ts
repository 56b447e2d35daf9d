import type { HallHeartbeat } from '#lib/api/hall.gen.ts';
import type { TerminalHeartbeat } from '#lib/api/terminal.gen.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import type { HeartbeatLimits } from '#lib/link/gen/hallkeeper/v1/fleet.ts';

/** Field of the wire, field of the spec, and what a hall server takes; durations in milliseconds. */
const limitFields = [
  { wire: 'intervalMs', spec: 'interval', min: 100, max: 60_000 },
  { wire: 'offlineAfterMs', spec: 'offlineAfter', min: 200, max: 3_600_000 },
  { wire: 'hungAfterMs', spec: 'hungAfter', min: 500, max: 3_600_000 },
  { wire: 'graceMs', spec: 'grace', min: 0, max: 600_000 },
  { wire: 'startTimeoutMs', spec: 'startTimeout', min: 1_000, max: 3_600_000 },
  { wire: 'commErrorPercent', spec: 'commErrorPercent', min: 1, max: 100 },
  { wire: 'commErrorMinCalls', spec: 'commErrorMinCalls', min: 1, max: 10_000 },
] as const;

/** The limits of a spec as the roster carries them; what cannot be read is left out, and `limitProblems` names it. */
export function wireLimits(spec: Partial<HallHeartbeat> | TerminalHeartbeat | undefined): HeartbeatLimits {
  const given = limitFields.map(({ wire, spec: field }) => {
    const value = spec?.[field];
    return [wire, typeof value === 'string' ? parseDurationMs(value) : value] as const;
  });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** What a hall server would refuse in these limits, given those of the hall that hold for the rest; empty when they are good. */
export function limitProblems(
  spec: Partial<HallHeartbeat> | TerminalHeartbeat,
  hall: Partial<HallHeartbeat> | undefined,
): readonly string[] {
  const own = wireLimits(spec);
  const all = { ...wireLimits(hall), ...own };
  const outside = limitFields.flatMap(({ wire, spec: field, min, max }) => {
    const value = own[wire];
    if (value === undefined) return spec[field] === undefined ? [] : [`heartbeat.${field} is not a duration such as 5s`];
    return value < min || value > max
      ? [`heartbeat.${field} must be from ${min} to ${max}${typeof spec[field] === 'string' ? ' ms' : ''}`]
      : [];
  });
  const { intervalMs = 0 } = all;
  const twice = (['offlineAfter', 'hungAfter'] as const).flatMap((field) => {
    const value = all[`${field}Ms`];
    return value !== undefined && value < 2 * intervalMs ? [`heartbeat.${field} must be at least twice heartbeat.interval`] : [];
  });
  return [...outside, ...twice];
}
