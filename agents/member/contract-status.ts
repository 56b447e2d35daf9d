import { readFields } from '#lib/base/fields.ts';
import type { Fields } from '#lib/base/fields.ts';
import type { MemberFacts } from '#lib/pair/member-facts.ts';
import { pairModes } from '#lib/pair/pair-record.ts';

/** Phases of a take-over, in the order in which they happen. */
export const failoverPhases = ['detect', 'decide', 'fence', 'promote', 'open', 'route'] as const;
export type FailoverPhase = (typeof failoverPhases)[number];
export type FailoverPhasesMs = Readonly<Record<Exclude<FailoverPhase, 'route'>, number> & { route?: number }>;

/** What a person may ask of a member: of the primary to hand over, or to be killed for a drill; of the standby to be copied anew. */
export const askedOperations = ['switchover', 'kill', 'reinitialise'] as const;
export type AskedOperation = (typeof askedOperations)[number];

/** Something that was asked for, by the id of the asking. */
export interface AskedStanding {
  readonly id: string;
  readonly what: AskedOperation;
  /** `refused`: nothing was changed. `failed`: it began and came to no good end. */
  readonly state: 'running' | 'done' | 'refused' | 'failed';
  readonly why: string;
}

/** The whole story of one take-over, as the member that took over tells it. */
export interface FailoverReport {
  readonly epoch: number;
  readonly reason: string;
  /** Who saw what, in words. */
  readonly why: string;
  readonly from: string;
  readonly to: string;
  /** RFC 3339, for people: when the verdict fell, and when clients were served and, where that was seen, the name pointed here. */
  readonly startedAt: string;
  readonly completedAt: string;
  /** `route` is absent when clients were led here by no way soon after the gate was open, neither a DNS server nor the Service. */
  readonly phasesMs: FailoverPhasesMs;
  /** As the canary measured it: from the last commit that was seen to be acknowledged before to the first one here. */
  readonly outageMs: number;
  /** WAL positions, as PostgreSQL writes them: of this member when it claimed, and when it was open. */
  readonly positionAtClaim: string;
  readonly positionAtOpen?: string;
  /** Up to here the old primary had last said that commits were acknowledged. Nothing is lost while it is not above the claim's. */
  readonly positionAcknowledged?: string;
}

/** The past of a stopped PostgreSQL's log: where it left which timeline, as positions in the form of PostgreSQL. */
export interface LogPast {
  readonly switches: readonly { readonly timeline: number; readonly end: string }[];
  /** Digest of the first record on the last timeline, where that is known. */
  readonly start: string | undefined;
  /** Histories of newer timelines that lie there. */
  readonly strays: readonly { readonly timeline: number; readonly switches: LogPast['switches'] }[];
}

export interface MemberStatus {
  readonly member: string;
  readonly version: string;
  readonly settingsRevision: string;
  /** Absent before the first read of the record. */
  readonly record: { readonly mode: string; readonly primary: string; readonly epoch: number; readonly sequence: number } | undefined;
  readonly role: 'primary' | 'standby' | 'none';
  /** Whether clients are served here. */
  readonly serving: boolean;
  /** What the member does or waits for, in words, and for how many seconds. */
  readonly step: string;
  readonly stepSeconds: number;
  readonly timeline: number;
  readonly flushPosition: string;
  /** False: PostgreSQL is not running, and the log may reach farther than that. */
  readonly positionExact: boolean;
  /** Of a stopped PostgreSQL while the record is lost. */
  readonly past: LogPast | undefined;
  /** Bytes that the standby lacks, told by the primary; absent elsewhere. */
  readonly lagBytes: number | undefined;
  readonly peerHeard: boolean;
  readonly arbiterReached: boolean;
  /** Why a failover without loss is not possible now; absent when it is. */
  readonly blockedBy: string | undefined;
  /** What a verdict about a failover rests on: of itself, and of the peer as far as it has just heard it. */
  readonly facts: MemberFacts;
  readonly peer: MemberFacts | undefined;
  readonly diskFreePercent: number | undefined;
  /** Whose commits are acknowledged without the standby, in words, told by the primary; empty elsewhere. */
  readonly loweredCommits: readonly string[];
  /** PostgreSQL's system identifier of the data here. */
  readonly systemIdentifier: string | undefined;
  readonly certificateExpiresAt: string;
  readonly dns: readonly { readonly server: string; readonly ok: boolean; readonly why: string }[];
  /** How the last try ended to lead the pair's Service here; absent without one, and before this member led. */
  readonly service: { readonly slice: string; readonly ok: boolean; readonly why: string } | undefined;
  readonly failovers: readonly FailoverReport[];
  /** What was asked of this member lately, the newest last. */
  readonly operations: readonly AskedStanding[];
}

/**
 * Reads the answer of `GET /v1/status`. Fields that a newer agent adds are passed over: agents are brought up to date one by one, and an
 * operator that refused their answers would take them for unreachable.
 *
 * @throws HK_OPTIONS_INVALID
 */
export function parseStatus(raw: unknown): MemberStatus {
  const field = readFields(raw);
  const whole = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
  const status: MemberStatus = {
    member: field.text('member'),
    version: field.text('version'),
    settingsRevision: field.text('settingsRevision'),
    record: field.has('record') ? readRecord(field.group('record')) : undefined,
    role: field.oneOf('role', ['primary', 'standby', 'none']),
    serving: field.flag('serving'),
    step: field.text('step'),
    stepSeconds: field.wholeNumber('stepSeconds', whole),
    timeline: field.wholeNumber('timeline', whole),
    flushPosition: field.text('flushPosition'),
    positionExact: field.flag('positionExact'),
    past: field.has('past') ? readPast(field.group('past')) : undefined,
    lagBytes: field.has('lagBytes') ? field.wholeNumber('lagBytes', whole) : undefined,
    peerHeard: field.flag('peerHeard'),
    arbiterReached: field.flag('arbiterReached'),
    blockedBy: field.optionalText('blockedBy'),
    facts: readFacts(field.group('facts')),
    peer: field.has('peer') ? readFacts(field.group('peer')) : undefined,
    diskFreePercent: field.has('diskFreePercent') ? field.wholeNumber('diskFreePercent', { min: 0, max: 100 }) : undefined,
    loweredCommits: field.texts('loweredCommits', { max: 20 }),
    systemIdentifier: field.optionalText('systemIdentifier'),
    certificateExpiresAt: field.text('certificateExpiresAt'),
    dns: field.list('dns', (entry) => ({ server: entry.text('server'), ok: entry.flag('ok'), why: entry.text('why', { fallback: '-' }) }), {
      max: 16,
    }),
    service: field.has('service') ? readService(field.group('service')) : undefined,
    failovers: field.list('failovers', readReport, { max: 10 }),
    operations: field.list('operations', readAsked, { max: 10 }),
  };
  field.refuseProblems({ unknownFields: 'pass' });
  return status;
}

function readService(field: Fields): NonNullable<MemberStatus['service']> {
  return { slice: field.text('slice'), ok: field.flag('ok'), why: field.text('why', { fallback: '-' }) };
}

function readRecord(field: Fields): NonNullable<MemberStatus['record']> {
  const whole = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
  return {
    mode: field.text('mode'),
    primary: field.text('primary', { fallback: '-' }),
    epoch: field.wholeNumber('epoch', whole),
    sequence: field.wholeNumber('sequence', whole),
  };
}

/** Reads what was asked for; also from the member's own file. */
export function readAsked(entry: Fields): AskedStanding {
  return {
    id: entry.text('id'),
    what: entry.oneOf('what', askedOperations),
    state: entry.oneOf('state', ['running', 'done', 'refused', 'failed']),
    why: entry.text('why', { fallback: '-' }),
  };
}

/** More timelines than a pair begins in a life; a past that is longer is not told. */
export const switchesMax = 500;
export const straysMax = 8;

function readPast(field: Fields): LogPast {
  const timeline = { min: 1, max: 0xffff_ffff } as const;
  const switches = (owner: Fields): LogPast['switches'] =>
    owner.list('switches', (entry) => ({ timeline: entry.wholeNumber('timeline', timeline), end: entry.text('end') }), {
      max: switchesMax,
    });
  return {
    switches: switches(field),
    start: field.optionalText('start'),
    strays: field.list('strays', (entry) => ({ timeline: entry.wholeNumber('timeline', timeline), switches: switches(entry) }), {
      max: straysMax,
    }),
  };
}

function readFacts(field: Fields): MemberFacts {
  const whole = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
  const record = field.has('record') ? field.group('record') : undefined;
  return {
    name: field.text('name'),
    record:
      record === undefined
        ? undefined
        : {
            sequence: record.wholeNumber('sequence', whole),
            mode: record.oneOf('mode', pairModes),
            epoch: record.wholeNumber('epoch', whole),
            primary: record.optionalText('primary'),
          },
    frozen: field.optionalText('frozen'),
    arbiterReached: field.flag('arbiterReached'),
    paused: field.flag('paused'),
    whenStandbyLost: field.oneOf('whenStandbyLost', ['continue', 'block']),
    postgres: field.oneOf('postgres', ['running', 'starting', 'down']),
    role: field.oneOf('role', ['primary', 'standby']),
    data: field.oneOf('data', ['empty', 'incomplete', 'complete']),
    copying: field.flag('copying'),
    streaming: field.flag('streaming'),
    waitsFor: field.oneOf('waitsFor', ['gate', 'peer', 'none', 'unknown']),
    hearsPeer: field.flag('hearsPeer'),
    stuck: field.optionalText('stuck'),
    replayBehind: field.flag('replayBehind'),
  };
}

/** Reads one report; also from the member's own file. */
export function readReport(field: Fields): FailoverReport {
  const phases = field.group('phasesMs');
  const ms = { min: 0, max: 86_400_000 } as const;
  return {
    epoch: field.wholeNumber('epoch', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    reason: field.text('reason'),
    why: field.text('why'),
    from: field.text('from'),
    to: field.text('to'),
    startedAt: field.text('startedAt'),
    completedAt: field.text('completedAt'),
    phasesMs: {
      detect: phases.wholeNumber('detect', ms),
      decide: phases.wholeNumber('decide', ms),
      fence: phases.wholeNumber('fence', ms),
      promote: phases.wholeNumber('promote', ms),
      open: phases.wholeNumber('open', ms),
      ...(phases.has('route') ? { route: phases.wholeNumber('route', ms) } : {}),
    },
    outageMs: field.wholeNumber('outageMs', ms),
    positionAtClaim: field.text('positionAtClaim'),
    ...(field.has('positionAtOpen') ? { positionAtOpen: field.text('positionAtOpen') } : {}),
    ...(field.has('positionAcknowledged') ? { positionAcknowledged: field.text('positionAcknowledged') } : {}),
  };
}
