import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import type { Secret } from '#lib/base/secret.ts';
import type { Lsn } from './lsn.ts';

// What the member agent can ask of one PostgreSQL instance and of its peer's. Nothing here decides: each call does one thing and
// tells what came of it. `openInstance` (open-instance.ts) makes a PostgresInstance; nothing runs and nothing is written before it is asked.

/**
 * What `synchronous_standby_names` says.
 *
 * closed  `hallkeeper_gate`, a name that never connects: no commit is acknowledged. Always so on a standby.
 * peer    The peer's application name: each commit waits for the peer's flush.
 * none    Nobody: commits are acknowledged alone.
 */
export const gates = ['closed', 'peer', 'none'] as const;
export type Gate = (typeof gates)[number];

/**
 * Whether applications may enter. `closed`: pg_hba.conf has no line for them; members, the agent and the hall server still may.
 * For a primary that must not be read or written directly: before its first catching up, and when it hears neither peer nor arbiter.
 */
export const clientDoors = ['open', 'closed'] as const;
export type ClientDoor = (typeof clientDoors)[number];

/** How to start. Applications are let in unless `clients` says otherwise. A standby always starts behind the closed gate; with `follow: false` it replays what it has and streams from nobody. */
export type StartAs = ({ readonly as: 'primary'; readonly gate: Gate } | { readonly as: 'standby'; readonly follow: boolean }) & {
  readonly clients?: ClientDoor;
};

/** The roles that exist in every pair; see `bootstrap`. Applications add their own. */
export const builtInRoles = {
  /** The agent: superuser, Unix socket only. */
  agent: 'hallkeeper',
  /** Streams, copies and rewinds over TLS with the member's certificate. */
  replication: 'hallkeeper_replication',
  /** The peer's canary over TLS with the member's certificate; it may do nothing but commit an empty message. */
  canary: 'hallkeeper_canary',
  /** The hall server: Unix socket only, owns schema `ledger` in database `hallkeeper`. */
  hall: 'hallkeeper_hall',
} as const;

/** The database that every pair has. */
export const ownDatabase = 'hallkeeper';

/** The common name of every member's certificate. */
export const memberCommonName = 'hallkeeper-member';

/** Owner of all server files and of every PostgreSQL process when the agent runs as root. */
export interface PostgresAccount {
  readonly uid: number;
  readonly gid: number;
}

/** A user of this machine that may enter by the Unix socket as one of our roles. */
export interface LocalUser {
  readonly osUser: string;
  readonly role: typeof builtInRoles.agent | typeof builtInRoles.hall;
}

export interface InstanceSettings {
  /** Directory of `postgres`, `initdb`, `pg_basebackup`, …; see `findBinaries`. */
  readonly binaryDirectory: string;
  /** Ours: settings, TLS files, socket, proof, lock, log. Beside the data directory, on the same file system, never inside it. Absolute. */
  readonly stateDirectory: string;
  readonly dataDirectory: string;
  /** Undefined: PostgreSQL runs as the agent itself, which must not be root then. */
  readonly account: PostgresAccount | undefined;
  readonly localUsers: readonly LocalUser[];
  readonly self: MemberAddress;
  readonly peer: MemberAddress;
  readonly tls: TlsMaterial;
  /** Application databases; each owner is a role that logs in with a certificate whose CN is the role's name. */
  readonly databases: readonly DatabaseSettings[];
  /** The pair's `spec.postgresql.parameters`; those that would break the protocol are refused, see `refusedParameters`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Log kept for a peer that is away, in megabytes; beyond it the peer must be copied anew. */
  readonly slotKeepMegabytes: number;
}

export interface MemberAddress {
  /** Name of the member, a DNS label; different from the peer's, also after `-` became `_`. */
  readonly name: string;
  /** IP address. The peer's certificate must carry it as a SAN: libpq compares it (sslmode=verify-full). */
  readonly address: string;
  readonly port: number;
}

/** PEM texts. One certificate serves as server and as client; it is signed by the pair's CA and its CN is `hallkeeper-member`. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: Secret;
  /** The pair's CA certificates; several while a CA is being replaced. */
  readonly authority: string;
}

export interface DatabaseSettings {
  readonly name: string;
  readonly owner: string;
}

export interface InstancePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What stands in the data directory. `foreign`: files, but no PostgreSQL cluster that we can read; nobody but a person may touch it. */
export type DataFacts =
  | { readonly holds: 'nothing' }
  | { readonly holds: 'cluster'; readonly control: ControlData }
  | { readonly holds: 'foreign'; readonly why: string };

/** Cluster states of pg_controldata, without those that mean the same to us. */
const clusterStates = [
  'starting',
  'shutDown',
  'shutDownInRecovery',
  'shuttingDown',
  'inCrashRecovery',
  'inArchiveRecovery',
  'inProduction',
] as const;
export type ClusterState = (typeof clusterStates)[number];

/** What pg_controldata says. Positions of a crashed cluster are lower bounds: its log may reach farther, see `lineage`. */
export interface ControlData {
  readonly systemIdentifier: string;
  readonly majorVersion: number;
  readonly state: ClusterState;
  /** Of the last checkpoint. */
  readonly timeline: number;
  readonly checkpointLsn: Lsn;
  readonly redoLsn: Lsn;
  /** 0 when none is set. */
  readonly minRecoveryLsn: Lsn;
  /** 0 when none is set. */
  readonly minRecoveryTimeline: number;
  readonly dataChecksums: boolean;
  readonly walLogHints: boolean;
  readonly walSegmentBytes: number;
  /** With which the primary ran that wrote the log here, as far as it was replayed. max_wal_senders is the same for every member. */
  readonly limits: {
    readonly max_connections: number;
    readonly max_worker_processes: number;
    readonly max_prepared_transactions: number;
    readonly max_locks_per_transaction: number;
  };
}

/**
 * The server process.
 *
 * absent      No process of this data directory lives.
 * starting    The postmaster lives and refuses connections: crash recovery, or a standby that is not yet consistent.
 * ready       Connections are accepted.
 * stopping    A shutdown is under way.
 * unanswered  The process lives, but its socket does not answer within the limit.
 */
const serverStates = ['absent', 'starting', 'ready', 'stopping', 'unanswered'] as const;
export type ServerState = (typeof serverStates)[number];

/** The end of the server process. `logTail`: the last lines of its log, at most 4,000 characters. */
export interface ServerExit {
  readonly pid: number;
  /** Undefined for a server that an earlier agent had started: only its parent is told. */
  readonly exitCode: number | undefined;
  readonly signalName: string | undefined;
  readonly logTail: string;
}

/** A running postmaster that we started or found again. */
export interface RunningServer {
  readonly pid: number;
  readonly reattached: boolean;
  /** Resolves when the process is gone (a child: at once; a found one: within 25 ms). Never rejects. */
  readonly exited: Promise<ServerExit>;
}

export interface ReceiverStatus {
  readonly status: string;
  readonly timeline: number | undefined;
  readonly flushedLsn: Lsn | undefined;
  /** Since the last message of the primary arrived, by the server's wall clock: a jump of it falsifies this, so it is for showing. */
  readonly lastMessageAgeMs: number | undefined;
  readonly senderAddress: string | undefined;
}

export interface SlotStatus {
  readonly name: string;
  readonly active: boolean;
  readonly restartLsn: Lsn | undefined;
  /** reserved, extended, unreserved or lost. */
  readonly walStatus: string | undefined;
}

export interface StreamingPeer {
  readonly applicationName: string;
  readonly address: string | undefined;
  readonly state: string;
  readonly syncState: string;
  readonly sentLsn: Lsn | undefined;
  readonly flushLsn: Lsn | undefined;
  readonly replayLsn: Lsn | undefined;
  readonly replyAgeMs: number | undefined;
}

/** One query's view of the server; absent values are undefined, never zero. */
export interface StatusSnapshot {
  readonly inRecovery: boolean;
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Primary: written. Standby: received. */
  readonly writeLsn: Lsn | undefined;
  /** Primary: flushed. Standby: received and flushed. */
  readonly flushLsn: Lsn | undefined;
  /** Standby only. */
  readonly replayLsn: Lsn | undefined;
  /** Timeline and redo position of the last (restart)checkpoint: pg_rewind trusts a promoted source only when it shows the new timeline. */
  readonly checkpointTimeline: number;
  readonly redoLsn: Lsn;
  readonly receiver: ReceiverStatus | undefined;
  readonly slots: readonly SlotStatus[];
  readonly peers: readonly StreamingPeer[];
  /** As a session sees it; the checkpointer may take it later, so it proves nothing about commits. */
  readonly synchronousStandbyNames: string;
  readonly primaryConninfoSet: boolean;
  readonly postmasterStartedMs: number;
}

/** One connection that is opened when needed, opened again after a loss, and never used by two statements at once. */
export interface SqlLine {
  /** Runs one statement; values come as text or null. When `signal` aborts, the connection is dropped and the statement's fate is unknown. */
  query(text: string, values: readonly (string | number | boolean | null)[], signal: AbortSignal): Promise<SqlResult>;
  /** Runs a statement that comes again and again: the server parses and plans it once per connection, under this name. */
  repeat(name: string, text: string, signal: AbortSignal): Promise<SqlResult>;
  /** Process id of the server's backend, or undefined while there is no connection. */
  backendPid(): number | undefined;
  close(): Promise<void>;
}

export interface SqlResult {
  readonly rows: readonly Readonly<Record<string, string | null>>[];
  /** SQLSTATE of each notice or warning that came with it. */
  readonly notices: readonly string[];
}

/** One point where a timeline ended and the next began. */
export interface TimelineSwitch {
  readonly timeline: number;
  readonly endLsn: Lsn;
}

/**
 * Where a member's log comes from and how far it reaches.
 *
 * `start` is a digest of the first record after the last switch: two promotions from one position differ in it. Undefined on
 * timeline 1 and when that segment is gone.
 */
export interface Lineage {
  readonly systemIdentifier: string;
  /** Ancestors, oldest first. */
  readonly switches: readonly TimelineSwitch[];
  readonly timeline: number;
  readonly endLsn: Lsn;
  /** How far the log can be read back; of a stopped server only. Before `endLsn` where the last checkpoint asks for more than there is. */
  readonly readToLsn?: Lsn;
  readonly start: string | undefined;
  /** Where the oldest kept segment of the log begins; of a running server only. */
  readonly keptFromLsn?: Lsn;
  /** The segment in which a record goes on that breaks off at the end of the log; of a stopped server only, absent when none does. */
  readonly restFromLsn?: Lsn;
  /** History files of timelines newer than `timeline` that lie in pg_wal. */
  readonly strayHistories: readonly { readonly timeline: number; readonly switches: readonly TimelineSwitch[] }[];
}

/** The durable word that the data directory is a whole copy; without it a member never leads. */
export interface Proof {
  readonly systemIdentifier: string;
  readonly timeline: number;
}

export interface DiskSpace {
  readonly totalBytes: number;
  /** For the server's account, without the reserve of root. */
  readonly freeBytes: number;
}

/** Progress of a base copy. */
export interface CopyProgress {
  readonly percent: number;
}

/** Rewound: streaming may begin. Otherwise only a copy helps, and why. */
export type RewindResult =
  { readonly did: 'rewound' } | { readonly did: 'nothing'; readonly why: string } | { readonly did: 'failed'; readonly why: string };

/** Every wait ends with `signal`; where a limit is named, also at that limit. */
export interface PostgresInstance {
  readonly settings: InstanceSettings;

  // --- files and processes -------------------------------------------------------------------------------------------------------

  /** Takes the lock beside the data directory for the life of this process. @throws HK_POSTGRES_LOCKED when another agent has it. */
  lock(signal: AbortSignal): Promise<void>;
  inspectData(signal: AbortSignal): Promise<DataFacts>;
  /** Makes a new cluster. Killed in the middle it leaves no data directory. @throws HK_POSTGRES_DATA unless the directory is absent or empty. */
  initialise(signal: AbortSignal): Promise<ControlData>;
  readProof(): Promise<Proof | undefined>;
  writeProof(proof: Proof): Promise<void>;
  removeProof(): Promise<void>;
  diskSpace(): Promise<DiskSpace>;

  /** Finds the postmaster of this data directory, also one that an earlier agent started. */
  reattach(signal: AbortSignal): Promise<RunningServer | undefined>;
  /**
   * Writes all settings, checks gate and empty postgresql.auto.conf, and starts the server detached. Does not wait until it is ready.
   *
   * @throws HK_POSTGRES_RUNNING when a server of this data directory lives; HK_POSTGRES_DATA without a cluster; HK_POSTGRES_SETTINGS.
   */
  start(how: StartAs, signal: AbortSignal): Promise<RunningServer>;
  /** What the written settings say of gate and peer; undefined before the first start. Tells how a found server was last set. */
  configured(): Promise<{ readonly gate: Gate; readonly follow: boolean; readonly clients: ClientDoor } | undefined>;
  /** The last lines of the server's log, at most 4,000 characters. */
  logTail(): Promise<string>;
  /** Looks once; answers within `limitMs`. */
  serverState(limitMs: number): Promise<ServerState>;
  /**
   * Whether a shutdown is under way, by whomever. Asks no session: in a smart shutdown, which is what SIGTERM begins, standing sessions
   * go on as if nothing were, our own among them, and keep it from ever ending, while every new one is refused.
   */
  isStopping(): Promise<boolean>;
  /** Waits until connections are accepted. @throws HK_POSTGRES_NOT_STARTED with the log's tail when the server died instead. */
  waitReady(signal: AbortSignal): Promise<void>;
  /** Fast shutdown with its checkpoint: clients are closed, the peer receives everything. Returns when no process is left. */
  stop(signal: AbortSignal): Promise<void>;
  /** Stops the postmaster in its tracks, kills all its processes, and waits until they are gone. Nothing is removed. */
  killAll(signal: AbortSignal): Promise<void>;

  // --- settings of the running server ----------------------------------------------------------------------------------------------

  /**
   * Writes the gate and makes the postmaster read it. Returns when a fresh session sees it; the checkpointer may still be late, so
   * only `provesClosed` or a commit proves its effect. Works while the server is down, too: then only the file is written.
   * With `clients` the door of `setClients` moves in the same go.
   */
  setGate(gate: Gate, signal: AbortSignal, clients?: ClientDoor): Promise<void>;
  /** Sets or clears `primary_conninfo` of a running standby. */
  setFollow(follow: boolean, signal: AbortSignal): Promise<void>;
  /** Lets applications in, or shuts them out and ends their sessions; a commit of theirs that waits is not acknowledged. */
  setClients(clients: ClientDoor, signal: AbortSignal): Promise<void>;
  /**
   * Ends the sessions of applications. A client whose handshake had begun before the door was closed enters through it later; repeat
   * this for as long as a handshake may last.
   */
  endApplications(signal: AbortSignal): Promise<void>;
  /** Opens the sessions that a take-over will need, so that it does not wait for a server under load to fork them. May be repeated. */
  warm(signal: AbortSignal): Promise<void>;
  /** Replaces TLS files; new connections use them at once. What changed of the pair's parameters is taken with them, where no start is needed. */
  setTls(tls: TlsMaterial, signal: AbortSignal): Promise<void>;

  // --- SQL -----------------------------------------------------------------------------------------------------------------------

  /**
   * A line of the agent's own over the Unix socket, `synchronous_commit = local`. `purpose` tells lines apart, `[a-z_]{1,20}`. Without a
   * database it stands in `hallkeeper`, or in another one while that is missing.
   */
  openLine(purpose: string, database?: string): SqlLine;
  /** A line to the peer's PostgreSQL over TLS as role `hallkeeper_canary`. */
  openPeerLine(purpose: string): SqlLine;
  status(line: SqlLine, signal: AbortSignal): Promise<StatusSnapshot>;
  /** Commits an empty message with `synchronous_commit = local`; also the remote canary, over `openPeerLine`. Answers the commit's position. */
  commitLocal(line: SqlLine, signal: AbortSignal): Promise<Lsn>;
  /**
   * Commits an empty message that waits as clients' commits do. Give it a line that nothing else uses.
   *
   * @throws HK_POSTGRES_NOT_SYNCHRONOUS when the wait was cancelled (WARNING 01000): committed here, not acknowledged.
   */
  commitSynchronous(line: SqlLine, signal: AbortSignal): Promise<Lsn>;
  /** Ends sessions of the line of this purpose that still wait for the peer after their line gave up; they do not notice it themselves. */
  endStuckCanaries(line: SqlLine, purpose: string, signal: AbortSignal): Promise<void>;
  /**
   * Proves that the closed gate bites: a canary on `waiting` is seen in `wait_event = SyncRep` from `watching`. The canary is then ended.
   * False when the canary committed instead. It sees that a commit waits, not for whom: with the gate at the peer it may see that too.
   * Give `waiting` a line that nothing else uses.
   */
  provesClosed(waiting: SqlLine, watching: SqlLine, signal: AbortSignal): Promise<boolean>;
  /**
   * Returns when no process is about to put an older gate in force: sessions take a changed file at once, and the one process that says
   * whether commits wait at all may have read an older one and told nobody yet.
   */
  checkpointerRests(line: SqlLine, signal: AbortSignal): Promise<void>;

  // --- protocol steps ----------------------------------------------------------------------------------------------------------------

  /**
   * Ends client sessions that could block replay, stops streaming, and waits at most `limitMs` until the receiver is gone. True when it is.
   * A server that answers no statement in 300 ms more is asked no further: its processes are looked at, again for `limitMs` at most.
   */
  fence(line: SqlLine, limitMs: number, signal: AbortSignal): Promise<boolean>;
  /**
   * Promotes and polls every 2 ms until recovery has ended. The gate stays closed. Needs no session for the promotion itself.
   *
   * @throws HK_POSTGRES_NOT_RUNNING
   */
  promote(line: SqlLine, signal: AbortSignal): Promise<void>;
  /** Roles, revoked rights, databases and the peer's slot; may be repeated. Only on a primary. */
  bootstrap(signal: AbortSignal): Promise<void>;
  /** Names the databases that there are, by numbers that are never used twice: when it changed, `bootstrap` has something to do again. */
  databasesNow(line: SqlLine, signal: AbortSignal): Promise<string>;
  /** The slot for the peer, on primary and standby: created, or made anew when its log is lost. */
  ensurePeerSlot(line: SqlLine, signal: AbortSignal): Promise<void>;
  /** Whether replay has paused because the primary was started with higher limits than ours; only a start anew goes on. */
  replayLacks(line: SqlLine, signal: AbortSignal): Promise<boolean>;
  /** On a standby: lets the unused slot follow the last restartpoint, so that it keeps what pg_rewind needs and no more. */
  advancePeerSlot(line: SqlLine, signal: AbortSignal): Promise<void>;

  // --- rejoin --------------------------------------------------------------------------------------------------------------------

  /** How much log the data directory keeps: reading its end may take as long as reading all of it. */
  logBytes(): Promise<number>;
  /** The lineage of the stopped cluster in our data directory. */
  stoppedLineage(signal: AbortSignal): Promise<Lineage>;
  /** The lineage of a running server that is not in recovery, ours or (with `openReplicationLine`) the peer's. */
  runningLineage(line: SqlLine, signal: AbortSignal): Promise<Lineage>;
  /**
   * Where the segment of the log begins that the server is replaying, also while it answers nobody yet, as a standby before it is
   * consistent; undefined when it is down or replays nothing.
   */
  replayedFile(signal: AbortSignal): Promise<Lsn | undefined>;
  /**
   * The timelines that a running primary left before the one that it writes, and how far each promotion could read the log. None when
   * its history file is gone.
   */
  runningHistory(line: SqlLine, timeline: number, signal: AbortSignal): Promise<readonly TimelineSwitch[]>;
  /**
   * Whether the stopped server here and the running one at the other end of the line have the same bytes in their logs just before a place:
   * two logs of one timeline differ when the recovery of one took a damaged record for its end and wrote on from there. True also where
   * either has the bytes no more.
   */
  sharesLog(line: SqlLine, before: { readonly timeline: number; readonly lsn: Lsn }, signal: AbortSignal): Promise<boolean>;
  /** A line to the peer as role `hallkeeper_replication`, with the rights that pg_rewind needs. */
  openReplicationLine(purpose: string): SqlLine;
  /**
   * Waits until the peer's checkpoint shows its timeline, removes the proof and runs pg_rewind against the peer. The server must be down.
   * Afterwards the cluster is a standby that follows; `failed` leaves one that must be copied.
   */
  rewind(signal: AbortSignal): Promise<RewindResult>;
  /**
   * Copies the peer anew. Removes the proof and the old data first. Killed in the middle it leaves no data directory. A peer with
   * tablespaces is refused before anything is removed.
   */
  copy(progress: (seen: CopyProgress) => void, signal: AbortSignal): Promise<void>;

  /** Closes lines and watches. The server runs on. */
  close(): Promise<void>;
}
