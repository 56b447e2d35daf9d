import type { Hall, HallMaintenance } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import type { Roster } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import type { TerminalProfile } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { digestOf } from './digest.ts';
import { limitProblems, wireLimits } from './limits.ts';

export interface RosterDecision {
  readonly roster: Roster;
  /** Wall time at which a planned maintenance begins or ends next, and the roster changes by itself. */
  readonly changesAtMs: number | undefined;
}

/** Most terminals that a hall server takes. */
export const rosterMax = 5_000;

/**
 * The roster of a hall: its Terminals that are not being deleted, ordered by name, with the hall's limits. Limits of a Terminal that a
 * hall server would refuse are left out, so that one Terminal cannot keep the roster of all from being taken; its condition says so.
 * The revision is a digest of the content: the same world has the same revision, whoever computes it.
 */
export function decideRoster(hall: Hall, terminals: readonly Terminal[], nowWallMs: number): RosterDecision {
  const spans = hall.spec.maintenance ?? [];
  const profiles = terminals
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))
    .slice(0, rosterMax)
    .map((terminal) => profileOf(terminal, hall, activeSpan(spans, terminal.metadata.name, nowWallMs)));
  const heartbeat = limitProblems(hall.spec.heartbeat, undefined).length === 0 ? wireLimits(hall.spec.heartbeat) : wireLimits(undefined);
  const revision = digestOf(hall.metadata.name, textOf(heartbeat), ...profiles.map(textOf));
  const changes = spans.flatMap(({ from, until }) => [Date.parse(from), Date.parse(until)]).filter((atMs) => atMs > nowWallMs);
  return {
    roster: { hall: hall.metadata.name, revision, heartbeat, terminals: profiles },
    changesAtMs: changes.length === 0 ? undefined : Math.min(...changes),
  };
}

/** The planned maintenance that is on, the one that ends last. */
function activeSpan(spans: readonly HallMaintenance[], terminal: string, nowWallMs: number): HallMaintenance | undefined {
  return spans
    .filter(({ terminals }) => terminals === undefined || terminals.length === 0 || terminals.includes(terminal))
    .filter(({ from, until }) => Date.parse(from) <= nowWallMs && nowWallMs < Date.parse(until))
    .toSorted((left, right) => Date.parse(right.until) - Date.parse(left.until))[0];
}

/** A technician's switch without an end, or one that ends later, outweighs what was planned. */
function profileOf({ metadata, spec }: Terminal, hall: Hall, span: HallMaintenance | undefined): TerminalProfile {
  const { suspend, heartbeat } = spec;
  const plannedMs = span === undefined ? 0 : Date.parse(span.until);
  const byHand = suspend !== undefined && (suspend.until === undefined || Date.parse(suspend.until) >= plannedMs);
  const untilMs = byHand ? (suspend.until === undefined ? undefined : Date.parse(suspend.until)) : plannedMs;
  const suspended = byHand || span !== undefined;
  const overrides =
    heartbeat !== undefined && limitProblems(heartbeat, hall.spec.heartbeat).length === 0 ? wireLimits(heartbeat) : undefined;
  return {
    name: metadata.name,
    model: plainText(spec.model),
    zone: plainText(spec.position?.zone ?? ''),
    seat: plainText(spec.position?.seat ?? ''),
    serialNumber: plainText(spec.serialNumber),
    suspended,
    suspendReason: plainText(byHand ? suspend.reason : (span?.reason ?? '')).slice(0, reasonMax),
    suspendUntilUnixMs: suspended && untilMs !== undefined ? BigInt(untilMs) : undefined,
    heartbeatOverrides: overrides,
  };
}

/** A hall server takes no longer text. */
const reasonMax = 256;

/** A hall server refuses a roster with control characters, and one Terminal must not keep the roster of all from being taken. */
const plainText = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ');

function textOf(value: object): string {
  return JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'bigint' ? entry.toString() : entry));
}
