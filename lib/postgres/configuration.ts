import type { ClientDoor, Gate, InstanceSettings } from './instance.ts';
import { builtInRoles, clientDoors, gates, ownDatabase } from './instance.ts';
import { applicationNameOf, standbyNames } from './names.ts';
import { reservedConnections } from './parameters.ts';
import type { InstancePaths } from './paths.ts';

/** What of the configuration changes with the member's role. */
export interface ConfigurationChoice {
  readonly gate: Gate;
  /** Whether `primary_conninfo` names the peer. */
  readonly follow: boolean;
  /** Decides over pg_hba.conf; the copy in postgresql.conf shows a session that the postmaster has read both. */
  readonly clients: ClientDoor;
}

/** A text as postgresql.conf quotes it: its scanner knows doubled quotes and backslash escapes. */
export function quoteConfiguration(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** A connection string of libpq: values in quotes, with backslash before quote and backslash. */
export function connectionString(parts: Readonly<Record<string, string | number>>): string {
  return Object.entries(parts)
    .map(([key, value]) => `${key}='${String(value).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
    .join(' ');
}

/**
 * How long a connection to the peer may stand still.
 *
 * stream  The walreceiver's: a cut is noticed within 2 s, and attaching again costs 100 ms.
 * bulk    A copy's or a rewind's: a disk that stalls for seconds must not break hours of work.
 */
export type Patience = 'stream' | 'bulk';

const stillMaxMs: Readonly<Record<Patience, number>> = { stream: 2_000, bulk: 30_000 };

/**
 * How we reach the peer's PostgreSQL with libpq: walreceiver, pg_basebackup and pg_rewind. `verify-full` compares the address with the
 * certificate's SANs (IP addresses since libpq 15), so that a client's certificate of the same CA cannot stand in for the peer.
 * `tcp_user_timeout` also ends a connection whose reader stands still, so it is set on both sides for this connection, not for all clients.
 */
export function peerConnection(
  settings: InstanceSettings,
  paths: InstancePaths,
  { applicationName, database, patience }: { readonly applicationName: string; readonly database?: string; readonly patience: Patience },
): string {
  const stillMs = stillMaxMs[patience];
  return connectionString({
    host: settings.peer.address,
    port: settings.peer.port,
    user: builtInRoles.replication,
    ...(database === undefined ? {} : { dbname: database }),
    application_name: applicationName,
    sslmode: 'verify-full',
    sslrootcert: paths.tlsAuthority,
    sslcert: paths.tlsMember,
    sslkey: paths.tlsMember,
    ssl_min_protocol_version: 'TLSv1.3',
    gssencmode: 'disable',
    connect_timeout: 2,
    keepalives: 1,
    keepalives_idle: 1,
    keepalives_interval: 1,
    keepalives_count: 2,
    tcp_user_timeout: stillMs,
    options: `-c tcp_user_timeout=${stillMs} -c wal_sender_timeout=${stillMs}`,
  });
}

/**
 * The whole postgresql.conf. The pair's own parameters stand first and ours after them: PostgreSQL takes the last value, so even a
 * parameter that slipped past the check could not win.
 */
export function renderConfiguration(settings: InstanceSettings, paths: InstancePaths, choice: ConfigurationChoice): string {
  const own: readonly (readonly [string, string])[] = [
    ...defaults.filter(([name]) => !Object.keys(settings.parameters).some((key) => key.toLowerCase() === name)),
    ...Object.entries(settings.parameters),
  ];
  const lines = [...own, ...placeParameters(settings, paths), ...fixedParameters, ...roleParameters(settings, paths, choice)];
  return [`# Written by the member agent before each start. Changes are lost.`, ...lines.map(renderLine), ''].join('\n');
}

const renderLine = ([name, value]: readonly [string, string]): string => `${name} = ${quoteConfiguration(value)}`;

/** A parameter of our own; PostgreSQL keeps values of names with a dot for whoever asks. */
export const clientsParameter = 'hallkeeper.clients';

/** The lines that a role changes; `readChoice` reads them back. */
function roleParameters(
  settings: InstanceSettings,
  paths: InstancePaths,
  { gate, follow, clients }: ConfigurationChoice,
): [string, string][] {
  return [
    ['synchronous_standby_names', standbyNames(gate, settings.peer.name)],
    [clientsParameter, clients],
    [
      'primary_conninfo',
      follow ? peerConnection(settings, paths, { applicationName: applicationNameOf(settings.self.name), patience: 'stream' }) : '',
    ],
  ];
}

/** What a configuration that we wrote says of the role, or undefined when it is not ours or for another peer. */
export function readChoice(text: string, settings: InstanceSettings): ConfigurationChoice | undefined {
  const lines = text.split('\n');
  const last = (name: string): string | undefined => lines.findLast((line) => line.startsWith(`${name} = `));
  const names = last('synchronous_standby_names');
  const upstream = last('primary_conninfo');
  const gate = gates.find((candidate) => names === renderLine(['synchronous_standby_names', standbyNames(candidate, settings.peer.name)]));
  const clients = clientDoors.find((candidate) => last(clientsParameter) === renderLine([clientsParameter, candidate]));
  if (gate === undefined || upstream === undefined || clients === undefined) return undefined;
  return { gate, follow: upstream !== renderLine(['primary_conninfo', '']), clients };
}

/** May be changed by the pair's parameters. */
const defaults: readonly (readonly [string, string])[] = [
  ['log_checkpoints', 'on'],
  ['log_line_prefix', '%m [%p] %q%u@%d %a '],
  ['log_timezone', 'UTC'],
  ['timezone', 'UTC'],
];

function placeParameters(settings: InstanceSettings, paths: InstancePaths): [string, string][] {
  return [
    ['data_directory', paths.data],
    ['hba_file', paths.hostAccess],
    ['ident_file', paths.identMap],
    ['listen_addresses', settings.self.address],
    ['port', String(settings.self.port)],
    ['unix_socket_directories', paths.socketDirectory],
    ['ssl_cert_file', paths.tlsMember],
    ['ssl_key_file', paths.tlsMember],
    ['ssl_ca_file', paths.tlsAuthority],
    ['primary_slot_name', applicationNameOf(settings.self.name)],
    ['max_slot_wal_keep_size', `${settings.slotKeepMegabytes}MB`],
  ];
}

/**
 * What the protocol rests on.
 *
 * Checkpoints: a take-over waits for a running restartpoint's file syncs, and replay after a crash starts at the last one. Every 60 s,
 * or 512 MB of log, keeps both short, while the extra full-page images stay a small part of the log. `wal_keep_size` equals
 * `max_wal_size`: the checkpoint at the end of crash recovery would else remove the log back to the common checkpoint, which pg_rewind needs.
 */
const fixedParameters: readonly (readonly [string, string])[] = [
  ['synchronous_commit', 'on'],
  ['fsync', 'on'],
  ['full_page_writes', 'on'],
  ['wal_log_hints', 'on'],
  ['data_sync_retry', 'off'],
  ['wal_level', 'replica'],
  ['archive_mode', 'off'],
  ['max_wal_senders', '10'],
  ['max_replication_slots', '10'],
  ['max_wal_size', '512MB'],
  ['min_wal_size', '80MB'],
  ['wal_keep_size', '512MB'],
  ['checkpoint_timeout', '60s'],
  ['hot_standby', 'on'],
  ['hot_standby_feedback', 'off'],
  ['max_standby_streaming_delay', '100ms'],
  ['max_standby_archive_delay', '100ms'],
  ['wal_sender_timeout', '2s'],
  ['wal_receiver_timeout', '2s'],
  ['wal_receiver_status_interval', '1s'],
  ['wal_retrieve_retry_interval', '100ms'],
  ['recovery_target_timeline', 'latest'],
  ['restart_after_crash', 'off'],
  ['tcp_keepalives_idle', '1s'],
  ['tcp_keepalives_interval', '1s'],
  ['tcp_keepalives_count', '2'],
  // A reader that pauses looks the same as one that is gone; clients may pause. The peer's own connection is stricter.
  ['tcp_user_timeout', '30s'],
  ['authentication_timeout', '5s'],
  ['superuser_reserved_connections', String(reservedConnections)],
  ['ssl', 'on'],
  ['ssl_min_protocol_version', 'TLSv1.3'],
  ['unix_socket_permissions', '0770'],
  ['logging_collector', 'off'],
  ['log_destination', 'stderr'],
];

const localMap = 'hallkeeper_local';
const memberMap = 'hallkeeper_member';

/** pg_hba.conf: our two roles by the Unix socket, everyone else by certificate over TLS; the first line that fits decides. */
export function renderHostAccess(settings: InstanceSettings, clients: ClientDoor): string {
  const { agent, hall, replication, canary } = builtInRoles;
  const lines = [
    `local all "${agent}" peer map=${localMap}`,
    `local "${ownDatabase}" "${hall}" peer map=${localMap}`,
    `local all all reject`,
    `hostssl replication "${replication}" all cert map=${memberMap}`,
    `hostssl "${ownDatabase}" "${replication}","${canary}" all cert map=${memberMap}`,
    ...(clients === 'closed' ? [] : settings.databases).map(({ name, owner }) => `hostssl "${name}" "${owner}" all cert`),
    `host all all all reject`,
    `host replication all all reject`,
  ];
  return [`# Written by the member agent before each start. Changes are lost.`, ...lines, ''].join('\n');
}

/** pg_ident.conf: which user of this machine, and which certificate, may be which of our roles. */
export function renderIdentMap(settings: InstanceSettings, memberCommonName: string): string {
  const { replication, canary } = builtInRoles;
  const lines = [
    ...settings.localUsers.map(({ osUser, role }) => `${localMap} "${osUser}" "${role}"`),
    `${memberMap} "${memberCommonName}" "${replication}"`,
    `${memberMap} "${memberCommonName}" "${canary}"`,
  ];
  return [`# Written by the member agent before each start. Changes are lost.`, ...lines, ''].join('\n');
}
