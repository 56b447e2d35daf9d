import { dnsLabel } from '#lib/base/dns-label.ts';
import type { Roster as WireRoster } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import type { TerminalProfile as WireProfile } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { rosterTerminalsMax } from '#lib/link/limits.ts';
import { hallErrors } from './errors.ts';
import { heartbeatDefaults, limitProblems, overridesOf, resolveLimits, wireOverridesOf } from './heartbeat-limits.ts';
import type { HeartbeatLimits, LimitOverrides } from './heartbeat-limits.ts';

/** Who a terminal is, as the roster says. */
export interface TerminalProfile {
  readonly name: string;
  readonly model: string;
  readonly zone: string;
  readonly seat: string;
  readonly serialNumber: string;
  readonly suspended: boolean;
  readonly suspendReason: string;
  /** Wall time at which the suspension ends by itself; undefined: a person ends it. */
  readonly suspendUntilMs: number | undefined;
  readonly heartbeat: LimitOverrides;
}

/** Every terminal of the hall. An empty revision: none was ever put. */
export interface Roster {
  readonly revision: string;
  readonly heartbeat: LimitOverrides;
  readonly terminals: ReadonlyMap<string, TerminalProfile>;
}

export const emptyRoster: Roster = Object.freeze({ revision: '', heartbeat: {}, terminals: new Map<string, TerminalProfile>() });

export interface RosterChange {
  readonly from: Roster;
  readonly next: Roster;
  /** New terminals and those whose profile changed. */
  readonly put: readonly TerminalProfile[];
  readonly removed: readonly string[];
}

/** What changes from one roster to the next. */
export function diffRosters(from: Roster, next: Roster): RosterChange {
  const put = [...next.terminals.values()].filter((profile) => !isSameProfile(from.terminals.get(profile.name), profile));
  const removed = [...from.terminals.keys()].filter((name) => !next.terminals.has(name));
  return { from, next, put, removed };
}

/** Limits of one terminal. */
export function limitsOf(roster: Roster, profile: TerminalProfile): HeartbeatLimits {
  return resolveLimits(resolveLimits(heartbeatDefaults, roster.heartbeat), profile.heartbeat);
}

const textMax = 256;
/** Neither PostgreSQL nor a line of a log takes them. */
const controlCharacter = /\p{Cc}/u;
/** The last instant that a Date holds. */
const unixMsMax = 8_640_000_000_000_000n;

export const isTerminalName = (text: string): boolean => dnsLabel.pattern.test(text);

const problemsMax = 20;

/**
 * Checks a roster from the wire.
 *
 * @throws HK_ROSTER_INVALID  naming the first 20 problems and their number.
 */
export function parseRoster(wire: WireRoster | undefined, hall: string): Roster {
  const problems: string[] = [];
  if (wire === undefined) throw hallErrors.HK_ROSTER_INVALID('the request has no roster');
  if (wire.hall !== hall) problems.push(`hall must be "${hall}", the hall of this server`);
  if (wire.revision.length === 0 || wire.revision.length > 128) problems.push('revision must have 1 to 128 characters');
  if (controlCharacter.test(wire.revision)) problems.push('revision must not have control characters');
  if (wire.terminals.length > rosterTerminalsMax) problems.push(`terminals must be at most ${rosterTerminalsMax}`);
  const heartbeat = overridesOf(wire.heartbeat);
  const hallLimits = resolveLimits(heartbeatDefaults, heartbeat);
  problems.push(...limitProblems(hallLimits, 'heartbeat'));
  const terminals = new Map<string, TerminalProfile>();
  for (const [index, raw] of wire.terminals.slice(0, rosterTerminalsMax).entries()) {
    const where = `terminals[${index}]`;
    const profile = profileOf(raw);
    if (!isTerminalName(raw.name)) problems.push(`${where}.name must be at most 63 lower-case letters, digits and hyphens`);
    if (terminals.has(raw.name)) problems.push(`${where}.name repeats ${JSON.stringify(raw.name.slice(0, 63))}`);
    for (const key of ['model', 'zone', 'seat', 'serialNumber', 'suspendReason'] as const) {
      if (raw[key].length > textMax) problems.push(`${where}.${key} must be at most ${textMax} characters`);
      if (controlCharacter.test(raw[key])) problems.push(`${where}.${key} must not have control characters`);
    }
    const until = raw.suspendUntilUnixMs;
    if (until !== undefined && (until < 0n || until > unixMsMax)) {
      problems.push(`${where}.suspendUntilUnixMs must be from 0 to ${unixMsMax}`);
    }
    if (Object.keys(profile.heartbeat).length > 0) {
      problems.push(...limitProblems(resolveLimits(hallLimits, profile.heartbeat), `${where}.heartbeat`));
    }
    terminals.set(profile.name, profile);
  }
  if (problems.length > 0) {
    const shown = problems.slice(0, problemsMax).join('; ');
    throw hallErrors.HK_ROSTER_INVALID(problems.length > problemsMax ? `${shown}; and ${problems.length - problemsMax} more` : shown);
  }
  return { revision: wire.revision, heartbeat, terminals };
}

function profileOf(wire: WireProfile): TerminalProfile {
  return {
    name: wire.name,
    model: wire.model,
    zone: wire.zone,
    seat: wire.seat,
    serialNumber: wire.serialNumber,
    suspended: wire.suspended,
    suspendReason: wire.suspendReason,
    suspendUntilMs: wire.suspendUntilUnixMs === undefined ? undefined : Number(wire.suspendUntilUnixMs),
    heartbeat: overridesOf(wire.heartbeatOverrides),
  };
}

export function wireProfileOf(profile: TerminalProfile): WireProfile {
  return {
    name: profile.name,
    model: profile.model,
    zone: profile.zone,
    seat: profile.seat,
    serialNumber: profile.serialNumber,
    suspended: profile.suspended,
    suspendReason: profile.suspendReason,
    suspendUntilUnixMs: profile.suspendUntilMs === undefined ? undefined : BigInt(profile.suspendUntilMs),
    heartbeatOverrides: wireOverridesOf(profile.heartbeat),
  };
}

function isSameProfile(left: TerminalProfile | undefined, right: TerminalProfile): boolean {
  if (left === undefined) return false;
  const keys = ['model', 'zone', 'seat', 'serialNumber', 'suspended', 'suspendReason', 'suspendUntilMs'] as const;
  return keys.every((key) => left[key] === right[key]) && sortedText(left.heartbeat) === sortedText(right.heartbeat);
}

const sortedText = (limits: LimitOverrides): string => JSON.stringify(Object.entries(limits).sort(([a], [b]) => a.localeCompare(b)));
