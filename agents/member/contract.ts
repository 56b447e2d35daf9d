import { dnsLabel, dnsName } from '#lib/base/dns-label.ts';
import { readFields } from '#lib/base/fields.ts';
import type { Fields } from '#lib/base/fields.ts';
import type { Secret } from '#lib/base/secret.ts';
import { rawArbiter, readArbiter } from './contract-arbiter.ts';
import type { ArbiterSettings } from './contract-arbiter.ts';
import type { ServiceSettings } from './contract-slice.ts';
import { parseStatus } from './contract-status.ts';
import type { MemberStatus } from './contract-status.ts';

/**
 * What the operator and a member agent say to each other.
 *
 * 1. The settings Secret `hallkeeper-<pair>-<member>` in the pair's namespace: `settings.json` (MemberSettings) and `token` (a bearer
 *    token of the ServiceAccount of the same name). The operator writes it, the agent gets and watches it.
 * 2. The one-time bundle (EnrolmentBundle) with which an agent finds that Secret for the first time.
 * 3. The agent's administration endpoint, HTTPS with client certificates on `<self.address>:<adminPort>`; only the operator's identity
 *    is served: `GET /v1/status` answers MemberStatus; `PUT /v1/settings` takes `{"settings": MemberSettings, "token": "…"}`, the way
 *    back after a long outage; `POST /v1/switchover`, `POST /v1/kill` and `POST /v1/reinitialise` take AskRequest and answer 202, their
 *    end stands in the status.
 */
export const settingsKey = 'settings.json';
export const tokenKey = 'token';
export const settingsFormat = 1;

/** Name of the settings Secret and of the ServiceAccount. */
export function memberAccountName(pair: string, member: string): string {
  return `hallkeeper-${pair}-${member}`;
}

export interface MemberPlace {
  readonly name: string;
  /** IP address, reachable from the peer, the operator and the terminals. */
  readonly address: string;
}

export interface DnsSettings {
  /** Zone and name, both absolute without the last dot. */
  readonly zone: string;
  readonly name: string;
  readonly ttlSeconds: number;
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly tsig: { readonly name: string; readonly secret: Secret };
}

export interface HallServerPlan {
  /** Name of the Hall, which is also its label. */
  readonly hall: string;
  readonly port: number;
  /** 0: no metrics endpoint of its own. */
  readonly metricsPort: number;
  /** PEM with the authorities of the hall, which speak for terminals and exporters. */
  readonly hallAuthority: string;
}

export interface MemberSettings {
  readonly formatVersion: number;
  /** Digest of everything else; the agent reports it back in its status. */
  readonly revision: string;
  readonly trustDomain: string;
  readonly pair: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly self: MemberPlace;
  readonly peer: MemberPlace;
  /** The member that starts a pair that never led: the first in the FailoverPair. */
  readonly founder: string;
  readonly adminPort: number;
  readonly arbiter: ArbiterSettings;
  readonly postgresql: {
    readonly port: number;
    readonly parameters: Readonly<Record<string, string>>;
    readonly databases: readonly { readonly name: string; readonly owner: string }[];
    /** WAL kept for a peer that is away, in megabytes. */
    readonly slotKeepMegabytes: number;
  };
  readonly detection: {
    readonly periodMs: number;
    readonly suspectAfterMs: number;
    readonly degradeAfterMs: number;
    readonly degradeSlowAfterMs: number;
    readonly canaryStaleAfterMs: number;
  };
  readonly whenStandbyLost: 'continue' | 'block';
  readonly paused: boolean;
  readonly tls: {
    readonly certificate: string;
    readonly key: Secret;
    /** PEM with the pair's authorities. */
    readonly authority: string;
  };
  readonly dns: DnsSettings | undefined;
  /** The pair's Service, which the member that opens leads to itself; absent without one. */
  readonly service: ServiceSettings | undefined;
  readonly hallServer: HallServerPlan | undefined;
}

/** Everything an agent needs to find its settings for the first time. The token lives an hour and is used once. */
export interface EnrolmentBundle {
  readonly server: string;
  /** PEM of the API server's authority. */
  readonly authority: string;
  readonly token: Secret;
  readonly namespace: string;
  readonly pair: string;
  readonly member: string;
}

export interface AskRequest {
  /** Unique, at most 64 lower-case letters, digits and hyphens; a repeated request with the same id changes nothing, also after a restart. */
  readonly id: string;
  /** The epoch it was meant for: under any other it is refused. Absent: any. */
  readonly epoch?: number;
}

/** Reads the body of an AskRequest. @throws HK_OPTIONS_INVALID */
export function parseAsk(raw: unknown): AskRequest {
  const field = readFields(raw);
  const id = field.text('id', { pattern: /^[-a-z0-9]{1,64}$/, shape: 'at most 64 lower-case letters, digits and hyphens' });
  const epoch = field.has('epoch') ? field.wholeNumber('epoch', { min: 0, max: Number.MAX_SAFE_INTEGER }) : undefined;
  field.refuseProblems();
  return epoch === undefined ? { id } : { id, epoch };
}

const port = { min: 1, max: 65_535 } as const;

/** Reads `settings.json`. @throws HK_OPTIONS_INVALID naming every problem, secrets hidden. */
export function parseMemberSettings(raw: unknown): MemberSettings {
  const field = readFields(raw);
  const pair = field.group('pair');
  const postgresql = field.group('postgresql');
  const detection = field.group('detection');
  const tls = field.group('tls');
  const limit = (name: string): number => detection.wholeNumber(name, { min: 1, max: 600_000 });
  const settings: MemberSettings = {
    formatVersion: field.wholeNumber('formatVersion', { min: 1, max: settingsFormat }),
    revision: field.text('revision'),
    trustDomain: field.text('trustDomain', dnsName),
    pair: { name: pair.text('name', dnsLabel), namespace: pair.text('namespace', dnsLabel), uid: pair.text('uid') },
    self: readPlace(field.group('self')),
    peer: readPlace(field.group('peer')),
    founder: field.text('founder', dnsLabel),
    adminPort: field.wholeNumber('adminPort', port),
    arbiter: readArbiter(field),
    postgresql: {
      port: postgresql.wholeNumber('port', port),
      parameters: postgresql.textMap('parameters', { max: 200 }),
      databases: postgresql.list('databases', (entry) => ({ name: entry.text('name'), owner: entry.text('owner') }), { max: 32 }),
      slotKeepMegabytes: postgresql.wholeNumber('slotKeepMegabytes', { min: 64, max: 10_000_000, fallback: 4_096 }),
    },
    detection: {
      periodMs: limit('periodMs'),
      suspectAfterMs: limit('suspectAfterMs'),
      degradeAfterMs: limit('degradeAfterMs'),
      degradeSlowAfterMs: limit('degradeSlowAfterMs'),
      canaryStaleAfterMs: limit('canaryStaleAfterMs'),
    },
    whenStandbyLost: field.oneOf('whenStandbyLost', ['continue', 'block']),
    paused: field.flag('paused', { fallback: false }),
    tls: { certificate: tls.text('certificate'), key: tls.secret('key'), authority: tls.text('authority') },
    dns: field.has('dns') ? readDns(field.group('dns')) : undefined,
    service: field.has('service') ? { slice: field.group('service').text('slice') } : undefined,
    hallServer: field.has('hallServer') ? readHallServer(field.group('hallServer')) : undefined,
  };
  if (settings.self.name === settings.peer.name) field.problem('peer.name', 'must differ from self.name');
  field.refuseProblems();
  return settings;
}

function readPlace(field: Fields): MemberPlace {
  return { name: field.text('name', dnsLabel), address: field.text('address') };
}

function readDns(field: Fields): DnsSettings {
  const tsig = field.group('tsig');
  return {
    zone: field.text('zone'),
    name: field.text('name'),
    ttlSeconds: field.wholeNumber('ttlSeconds', { min: 0, max: 3_600, fallback: 1 }),
    servers: field.list('servers', (entry) => ({ host: entry.text('host'), port: entry.wholeNumber('port', { ...port, fallback: 53 }) }), {
      min: 1,
      max: 8,
    }),
    tsig: { name: tsig.text('name'), secret: tsig.secret('secret') },
  };
}

function readHallServer(field: Fields): HallServerPlan {
  return {
    hall: field.text('hall', dnsLabel),
    port: field.wholeNumber('port', port),
    metricsPort: field.wholeNumber('metricsPort', { min: 0, max: 65_535, fallback: 0 }),
    hallAuthority: field.text('hallAuthority'),
  };
}

/** The text of `settings.json`. The only place that reveals the secrets: its result goes into the Secret or the agent's private file. */
export function formatMemberSettings(settings: MemberSettings): string {
  const { dns, tls, arbiter, ...rest } = settings;
  return JSON.stringify({
    ...rest,
    ...rawArbiter(arbiter),
    tls: { ...tls, key: tls.key.reveal() },
    ...(dns === undefined ? {} : { dns: { ...dns, tsig: { name: dns.tsig.name, secret: dns.tsig.secret.reveal() } } }),
  });
}

/** Reads a bundle file. @throws HK_OPTIONS_INVALID */
export function parseBundle(raw: unknown): EnrolmentBundle {
  const field = readFields(raw);
  const bundle: EnrolmentBundle = {
    server: field.text('server', { pattern: /^https:\/\//, shape: 'an https address' }),
    authority: field.text('authority'),
    token: field.secret('token'),
    namespace: field.text('namespace', dnsLabel),
    pair: field.text('pair', dnsLabel),
    member: field.text('member', dnsLabel),
  };
  field.refuseProblems();
  return bundle;
}

/** The text of a bundle file; it holds the token. */
export function formatBundle(bundle: EnrolmentBundle): string {
  return JSON.stringify({ ...bundle, token: bundle.token.reveal() }, undefined, 2);
}

/** Reads the answer of `GET /v1/status`, also of a newer agent. @throws HK_OPTIONS_INVALID */
export function parseMemberStatus(raw: unknown): MemberStatus {
  return parseStatus(raw);
}
export type { ArbiterSettings } from './contract-arbiter.ts';
export type { AskedOperation, AskedStanding, FailoverPhase, FailoverReport, MemberStatus } from './contract-status.ts';
export { askedOperations, failoverPhases } from './contract-status.ts';
export { epochAnnotation, membersAnnotation, sliceEpoch } from './contract-slice.ts';
