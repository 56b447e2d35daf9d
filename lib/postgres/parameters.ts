/**
 * Parameters that a pair's settings may not change, each with its reason. A name that ends with `*` stands for all names with that beginning.
 * Most are rendered by us; the others would let a commit be acknowledged, lost or replayed behind the protocol's back.
 */
export const refusedParameters: Readonly<Record<string, string>> = {
  'hallkeeper.*': 'it belongs to the member agent',
  synchronous_standby_names: 'the member agent sets it with each change of role',
  synchronous_commit: 'every commit of a client must wait for the peer',
  statement_timeout:
    'it breaks off the wait for the peer of a commit inside a procedure, which is then called a success: set it per role or session',
  fsync: 'an acknowledged commit must survive a power cut',
  full_page_writes: 'an acknowledged commit must survive a power cut',
  wal_sync_method: 'an acknowledged commit must survive a power cut',
  data_sync_retry: 'after a failed flush the data are in doubt',
  zero_damaged_pages: 'damage must be seen, not erased',
  'ignore_*': 'damage must be seen, not passed over',
  wal_level: 'streaming to the peer needs replica',
  wal_log_hints: 'pg_rewind needs it',
  wal_keep_size: 'pg_rewind needs the log since the last checkpoint',
  max_wal_size: 'it bounds the time of a take-over',
  min_wal_size: 'it follows max_wal_size',
  checkpoint_timeout: 'it bounds the time of a take-over',
  max_wal_senders: 'the peer must always find one',
  max_replication_slots: 'the peer must always find one',
  idle_replication_slot_timeout: "the peer's slot must stay while the peer is away",
  max_slot_wal_keep_size: 'the pair has a setting of its own for it',
  hot_standby: 'the agent reads the standby',
  hot_standby_feedback: 'a reader on the standby must not hold back the primary',
  'max_standby_*': 'readers must not hold up a take-over',
  wal_sender_timeout: 'detection depends on it',
  'wal_receiver_*': 'detection depends on it',
  wal_retrieve_retry_interval: 'the peer must attach again at once',
  'recovery_*': 'the agent alone decides where recovery ends',
  restore_command: 'the standby follows the peer and nothing else',
  'archive_*': 'archiving is not part of the pair yet',
  promote_trigger_file: 'the agent alone promotes',
  'primary_*': 'the agent sets it with each change of role',
  restart_after_crash: 'the agent decides after a crash',
  'tcp_*': 'detection depends on it',
  client_connection_check_interval: 'detection depends on it',
  listen_addresses: 'it is the address of the member',
  port: 'the pair has a setting of its own for it',
  'unix_socket_*': 'the socket stands in a private directory',
  'bonjour*': 'a member is found by its pair',
  'ssl*': 'certificates come from the pair',
  'krb_*': 'clients log in by certificate only',
  'gss_*': 'clients log in by certificate only',
  db_user_namespace: 'clients log in by certificate only',
  authentication_timeout: 'the agent must always get in',
  superuser_reserved_connections: 'the agent must always get in',
  reserved_connections: 'the agent must always get in',
  config_file: 'the files of the server belong to the agent',
  hba_file: 'the files of the server belong to the agent',
  ident_file: 'the files of the server belong to the agent',
  data_directory: 'the pair has a setting of its own for it',
  external_pid_file: 'the files of the server belong to the agent',
  'include*': 'the files of the server belong to the agent',
  allow_system_table_mods: 'the catalogue must stay whole',
  allow_in_place_tablespaces: 'a copy of the peer holds one directory',
  transaction_read_only: 'it belongs to a session',
  default_transaction_read_only: 'the canaries write',
  event_source: 'it has no effect here',
  logging_collector: 'the agent bounds the log',
  log_destination: 'the agent bounds the log',
  log_directory: 'the agent bounds the log',
  log_filename: 'the agent bounds the log',
  log_file_mode: 'the agent bounds the log',
  'log_rotation_*': 'the agent bounds the log',
  log_truncate_on_rotation: 'the agent bounds the log',
  'syslog_*': 'the agent bounds the log',
  post_auth_delay: 'it is for debugging',
  pre_auth_delay: 'it is for debugging',
  'debug_*': 'it is for debugging',
  'trace_*': 'it is for debugging',
};

/** Sessions that are kept for the agent, whatever clients do; `max_connections` must be above it, or no start succeeds. */
export const reservedConnections = 10;

const parametersMax = 200;
const valueCharsMax = 1_000;
const namePattern = /^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$/;

/** Why a parameter is refused, or undefined when it may be set. */
export function refusalOf(name: string): string | undefined {
  const lower = name.toLowerCase();
  for (const [key, reason] of Object.entries(refusedParameters)) {
    const matches = key.endsWith('*') ? lower.startsWith(key.slice(0, -1)) : lower === key;
    if (matches) return reason;
  }
  return undefined;
}

/** Everything wrong with a pair's own parameters: one sentence each. Whether PostgreSQL knows a name, only PostgreSQL can tell. */
export function parameterProblems(parameters: Readonly<Record<string, string>>): readonly string[] {
  const problems: string[] = [];
  const names = Object.keys(parameters);
  if (names.length > parametersMax) problems.push(`at most ${parametersMax} parameters can be set, found ${names.length}`);
  const lowered = new Set<string>();
  for (const name of names) {
    const value = parameters[name] ?? '';
    const refusal = refusalOf(name);
    if (!namePattern.test(name)) problems.push(`parameter ${JSON.stringify(name.slice(0, 80))} is not a parameter's name`);
    else if (refusal !== undefined) problems.push(`parameter ${name} must not be set: ${refusal}`);
    // oxlint-disable-next-line no-control-regex -- control characters are what must not reach the file
    if (value.length > valueCharsMax || /[\u0000-\u001f\u007f]/.test(value))
      problems.push(`parameter ${name} must be one line of at most ${valueCharsMax} characters`);
    if (name.toLowerCase() === 'max_connections' && /^\s*\d+\s*$/.test(value) && Number(value) <= reservedConnections)
      problems.push(`parameter ${name} must be above ${reservedConnections}: so many connections are kept for the member agent`);
    if (lowered.has(name.toLowerCase())) problems.push(`parameter ${name} is set twice`);
    lowered.add(name.toLowerCase());
  }
  return problems;
}
