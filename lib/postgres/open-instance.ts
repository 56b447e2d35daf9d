import { within } from '#lib/base/deadline.ts';
import { messageOf } from '#lib/base/errors.ts';
import { checkSource, copyPeer } from './base-copy.ts';
import { refuseOtherMajor } from './binaries.ts';
import { bootstrapServer, databasesNow } from './bootstrap.ts';
import { commitLocal, commitSynchronous, endStuckCanaries, provesClosed } from './canary.ts';
import { refuseSettings } from './check-settings.ts';
import { checkpointerRests } from './checkpointer.ts';
import type { ConfigurationChoice } from './configuration.ts';
import { clientsParameter } from './configuration.ts';
import type { InstanceContext } from './context.ts';
import { poll } from './context.ts';
import { diskSpaceOf, initialiseData, inspectData, logBytesOf, removeUnfinished } from './data-directory.ts';
import { postgresErrors } from './errors.ts';
import type {
  ControlData,
  InstancePorts,
  InstanceSettings,
  PostgresInstance,
  RewindResult,
  RunningServer,
  ServerState,
  SqlLine,
  StartAs,
  TlsMaterial,
} from './instance.ts';
import { builtInRoles, ownDatabase } from './instance.ts';
import { readReplayedFile } from './replayed-file.ts';
import { readRunningHistory, readRunningLineage, readStoppedLineage, sharesLog } from './lineage.ts';
import type { HeldLock } from './lock.ts';
import { takeLock } from './lock.ts';
import { applicationNameOf, standbyNames } from './names.ts';
import { pathsOf, withRealPaths } from './paths.ts';
import { readProof, removeProof, writeProof } from './proof.ts';
import { rewindToPeer } from './rewind.ts';
import {
  checkBeforeStart,
  emptyAutoConfiguration,
  prepareDataDirectory,
  prepareDirectories,
  readWrittenChoice,
  writeChoice,
  writeServerFiles,
  writeTls,
} from './server-files.ts';
import { lastLines, readLogTail } from './server-log.ts';
import {
  findPostmaster,
  killServer,
  refuseRunning,
  removeStaleLockFiles,
  signalReload,
  spawnPostmaster,
  stopServer,
  watchFound,
} from './server-process.ts';
import { advanceSlot, ensureSlot } from './slot.ts';
import type { LineFailure } from './sql-line.ts';
import { lineFailureOf, openSqlLine } from './sql-line.ts';
import { raisedTo, replayLacks } from './standby-minimums.ts';
import { readStatus } from './status.ts';
import { StopSign } from './stop-sign.ts';
import { endApplicationSessions, endStream, promoteServer } from './take-over.ts';
import { tryParameters } from './try-parameters.ts';

/** Where lines of the agent's own stand. A person may have dropped one of these, or even two, and the pair must go on and make it anew. */
const ownFirst = [ownDatabase, 'postgres', 'template1'] as const;
const plainFirst = ['postgres', ownDatabase, 'template1'] as const;

const readyEveryMs = 20;
const reloadEveryMs = 2;
/** A setting that is not seen after so many looks is looked for in the files' mistakes, again and again. */
const looksPerFileCheck = 25;
const answerMaxMs = 1_000;
const sourceMaxMs = 5_000;

/**
 * One PostgreSQL instance. Touches nothing until it is asked to; only where its directories really are is looked up.
 *
 * @throws HK_POSTGRES_SETTINGS  naming every problem of the settings.
 */
export function openInstance(settings: InstanceSettings, ports: InstancePorts): PostgresInstance {
  refuseSettings(settings);
  const real = withRealPaths(settings);
  // Behind symbolic links one of the two may lie in the other after all.
  refuseSettings(real);
  return new Instance(real, ports);
}

class Instance implements PostgresInstance {
  #context: InstanceContext;
  readonly #stopSign: StopSign;
  #held: HeldLock | undefined;
  #server: RunningServer | undefined;
  #minimums: ControlData['limits'] | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #closed = new AbortController();
  readonly #settingsLines = new Map<string, SqlLine>();
  readonly #lines = new Set<SqlLine>();

  constructor(settings: InstanceSettings, ports: InstancePorts) {
    this.#context = { settings: Object.freeze({ ...settings }), paths: pathsOf(settings), ports };
    this.#stopSign = new StopSign(this.#context);
  }

  get settings(): InstanceSettings {
    return this.#context.settings;
  }

  async lock(signal: AbortSignal): Promise<void> {
    if (this.#held !== undefined) return;
    await prepareDirectories(this.#context);
    await this.#leaveOutUnusable(signal);
    this.#held = await takeLock(this.#context.paths.lock, signal);
  }

  readonly inspectData: PostgresInstance['inspectData'] = (signal) => inspectData(this.#context, signal);
  readonly initialise: PostgresInstance['initialise'] = (signal) => initialiseData(this.#context, signal);
  readonly readProof: PostgresInstance['readProof'] = () => readProof(this.#context.paths.proof);
  readonly writeProof: PostgresInstance['writeProof'] = async (proof) => {
    await prepareDirectories(this.#context);
    await writeProof(this.#context.paths.proof, proof);
  };
  readonly removeProof: PostgresInstance['removeProof'] = () => removeProof(this.#context.paths.proof);
  readonly diskSpace: PostgresInstance['diskSpace'] = () => diskSpaceOf(this.#context);
  readonly configured: PostgresInstance['configured'] = () => readWrittenChoice(this.#context);
  readonly logTail: PostgresInstance['logTail'] = () => readLogTail(this.#context.paths.log);

  async reattach(signal: AbortSignal): Promise<RunningServer | undefined> {
    signal.throwIfAborted();
    const facts = await findPostmaster(this.#context);
    if (facts === undefined) return undefined;
    if (this.#server?.pid !== facts.pid) this.#server = watchFound(facts, this.#context, this.#closed.signal);
    return this.#server;
  }

  async start(how: StartAs, signal: AbortSignal): Promise<RunningServer> {
    const role = how.as === 'primary' ? { gate: how.gate, follow: false } : { gate: 'closed' as const, follow: how.follow };
    const choice: ConfigurationChoice = { ...role, clients: how.clients ?? 'open' };
    await refuseRunning(this.#context);
    const facts = await inspectData(this.#context, signal);
    if (facts.holds !== 'cluster') throw postgresErrors.HK_POSTGRES_DATA(facts.holds === 'foreign' ? facts.why : 'it holds no cluster');
    await refuseOtherMajor(this.settings.binaryDirectory, facts.control.majorVersion, signal);
    // A change of the door or of certificates that is still under way must not put an older choice back behind the check.
    return this.#alone(async () => {
      await this.#leaveOutUnusable(signal);
      this.#minimums = how.as === 'standby' ? facts.control.limits : undefined;
      await writeServerFiles(this.#written(), choice);
      await prepareDataDirectory(this.#context, how.as);
      await removeStaleLockFiles(this.#context);
      await checkBeforeStart(this.#context, choice);
      signal.throwIfAborted();
      this.#server = await spawnPostmaster(this.#context, facts.control.majorVersion);
      return this.#server;
    });
  }

  async serverState(limitMs: number): Promise<ServerState> {
    const postmaster = await findPostmaster(this.#context);
    if (postmaster === undefined) return 'absent';
    if (postmaster.status === 'stopping') return 'stopping';
    // The postmaster writes its state when it changes; knocking earlier would only fill the log with refusals.
    if (postmaster.status === undefined || postmaster.status === 'starting') return 'starting';
    const failure = await this.#knock(limitMs);
    if (failure === undefined || failure === 'full') return 'ready';
    if (failure === 'starting') return 'starting';
    // The process may have gone while we knocked.
    return (await findPostmaster(this.#context)) === undefined ? 'absent' : 'unanswered';
  }

  readonly isStopping: PostgresInstance['isStopping'] = () => this.#stopSign.shows();

  async waitReady(signal: AbortSignal): Promise<void> {
    const { ports, paths } = this.#context;
    const ready = async (): Promise<true | undefined> => {
      const state = await this.serverState(answerMaxMs);
      if (state === 'ready') return true;
      if (state === 'absent') throw postgresErrors.HK_POSTGRES_NOT_STARTED(lastLines(await readLogTail(paths.log)));
      return undefined;
    };
    // A new postmaster needs a moment to write its pid file; a child that has ended needs none.
    const server = this.#server;
    let ended = false;
    void server?.exited.then(() => (ended = true));
    await poll(
      async () => ((await findPostmaster(this.#context)) !== undefined || ended || server === undefined ? true : undefined),
      readyEveryMs,
      ports,
      signal,
    );
    await poll(ready, readyEveryMs, ports, signal);
  }

  readonly stop: PostgresInstance['stop'] = (signal) => stopServer(this.#context, signal);
  readonly killAll: PostgresInstance['killAll'] = (signal) => killServer(this.#context, signal);

  async setGate(gate: ConfigurationChoice['gate'], signal: AbortSignal, clients?: ConfigurationChoice['clients']): Promise<void> {
    await this.#change({ gate, ...(clients === undefined ? {} : { clients }) }, signal);
    if (clients === 'closed') await this.#shutOut(signal);
  }

  async setFollow(follow: boolean, signal: AbortSignal): Promise<void> {
    await this.#change({ follow }, signal);
  }

  async setClients(clients: ConfigurationChoice['clients'], signal: AbortSignal): Promise<void> {
    await this.#change({ clients }, signal);
    if (clients === 'closed') await this.#shutOut(signal);
  }

  async endApplications(signal: AbortSignal): Promise<void> {
    if ((await findPostmaster(this.#context)) !== undefined) await endApplicationSessions(this.#settingsLine('clients'), signal);
  }

  async warm(signal: AbortSignal): Promise<void> {
    await Promise.all((['gate', 'follow', 'clients'] as const).map((about) => this.#settingsLine(about).query(takenQuery, [], signal)));
  }

  async setTls(tls: TlsMaterial, signal: AbortSignal): Promise<void> {
    this.#context = { ...this.#context, settings: Object.freeze({ ...this.settings, tls }) };
    await prepareDirectories(this.#context);
    await writeTls(this.#context, tls);
    // An agent that starts anew with changed settings finds its server running with the parameters of before.
    await this.#alone(async () => {
      const choice = await readWrittenChoice(this.#context);
      if (choice !== undefined) await writeChoice(this.#written(), choice);
      await emptyAutoConfiguration(this.#context);
    });
    if ((await findPostmaster(this.#context)) === undefined) return;
    await signalReload(this.#context);
    await this.#onFreshLine((line) => this.#mendFile(line, signal));
  }

  openLine(purpose: string, database?: string): SqlLine {
    return this.#openLocalLine(purpose, database === undefined ? ownFirst : [database]);
  }

  #openLocalLine(purpose: string, databases: readonly string[]): SqlLine {
    const { paths, settings } = this.#context;
    return this.#keep({
      host: paths.socketDirectory,
      port: settings.self.port,
      user: builtInRoles.agent,
      databases,
      applicationName: agentLineName(purpose),
      tls: undefined,
    });
  }

  readonly openPeerLine: PostgresInstance['openPeerLine'] = (purpose) => this.#openPeerLine(purpose, builtInRoles.canary);
  readonly openReplicationLine: PostgresInstance['openReplicationLine'] = (purpose) =>
    this.#openPeerLine(purpose, builtInRoles.replication);
  readonly status: PostgresInstance['status'] = readStatus;
  readonly commitLocal: PostgresInstance['commitLocal'] = commitLocal;
  readonly commitSynchronous: PostgresInstance['commitSynchronous'] = commitSynchronous;
  readonly endStuckCanaries: PostgresInstance['endStuckCanaries'] = (line, purpose, signal) =>
    endStuckCanaries(line, agentLineName(purpose), signal);
  readonly provesClosed: PostgresInstance['provesClosed'] = (waiting, watching, signal) =>
    provesClosed(this.#context, waiting, watching, signal);
  readonly checkpointerRests: PostgresInstance['checkpointerRests'] = (line, signal) =>
    checkpointerRests(this.#context.ports, line, signal);

  async fence(line: SqlLine, limitMs: number, signal: AbortSignal): Promise<boolean> {
    await this.#write({ follow: false });
    await signalReload(this.#context);
    return await endStream(this.#context, line, limitMs, signal);
  }

  readonly promote: PostgresInstance['promote'] = (line, signal) => promoteServer(this.#context, line, signal);

  async bootstrap(signal: AbortSignal): Promise<void> {
    const open = (database: string | undefined): SqlLine =>
      database === undefined ? this.#openLocalLine('bootstrap', plainFirst) : this.openLine('bootstrap', database);
    await bootstrapServer(open, this.settings.databases, signal);
    await this.#onFreshLine((line) => this.ensurePeerSlot(line, signal));
  }

  readonly databasesNow: PostgresInstance['databasesNow'] = databasesNow;
  readonly ensurePeerSlot: PostgresInstance['ensurePeerSlot'] = (line, signal) =>
    ensureSlot(line, applicationNameOf(this.settings.peer.name), signal);
  readonly replayLacks: PostgresInstance['replayLacks'] = (line, signal) => replayLacks(this.#context, line, signal);
  readonly advancePeerSlot: PostgresInstance['advancePeerSlot'] = (line, signal) =>
    advanceSlot(line, applicationNameOf(this.settings.peer.name), signal);

  readonly logBytes: PostgresInstance['logBytes'] = () => logBytesOf(this.#context);
  readonly stoppedLineage: PostgresInstance['stoppedLineage'] = (signal) => readStoppedLineage(this.#context, signal);
  readonly runningLineage: PostgresInstance['runningLineage'] = readRunningLineage;
  readonly runningHistory: PostgresInstance['runningHistory'] = readRunningHistory;
  readonly sharesLog: PostgresInstance['sharesLog'] = (line, before, signal) => sharesLog(this.#context, line, before, signal);
  readonly replayedFile: PostgresInstance['replayedFile'] = (signal) => readReplayedFile(this.#context, signal);
  async rewind(signal: AbortSignal): Promise<RewindResult> {
    const source = this.openReplicationLine('rewind');
    try {
      return await rewindToPeer(this.#context, source, signal);
    } finally {
      await source.close();
    }
  }

  async copy(progress: Parameters<PostgresInstance['copy']>[0], signal: AbortSignal): Promise<void> {
    await refuseRunning(this.#context);
    await prepareDirectories(this.#context);
    // A copy that outlived its agent holds the slot that this one needs.
    await removeUnfinished(this.#context, signal);
    const source = this.openReplicationLine('copy');
    try {
      const limit = within(sourceMaxMs, 'the question whether the peer can be copied', signal);
      const major = await checkSource(source, applicationNameOf(this.settings.self.name), limit);
      await refuseOtherMajor(this.settings.binaryDirectory, major, signal);
    } finally {
      await source.close();
    }
    await copyPeer(this.#context, progress, signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([...this.#lines].map((line) => line.close()));
    await this.#held?.release();
    this.#held = undefined;
  }

  /** Undefined when a session could be opened, else why not. */
  async #knock(limitMs: number): Promise<LineFailure | undefined> {
    try {
      await this.#onFreshLine((line) => line.query('SELECT 1', [], within(limitMs, 'a session on the Unix socket')));
      return undefined;
    } catch (error) {
      return lineFailureOf(error);
    }
  }

  /**
   * Writes what changes and waits until a session sees it; other changes may be under way at the same time. A take-over waits for
   * this, so it asks a session that stands already, and looks for mistakes in the files only when nothing comes of it. Only closing the
   * door needs a fresh session: the postmaster reads pg_hba.conf after it has told its children, and forks none in between.
   */
  async #change(part: Partial<ConfigurationChoice>, signal: AbortSignal): Promise<void> {
    await this.#write(part);
    if ((await findPostmaster(this.#context)) === undefined) return;
    await signalReload(this.#context);
    const { gate, follow, clients } = part;
    const names = gate === undefined ? undefined : standbyNames(gate, this.settings.peer.name);
    const follows = follow === undefined ? undefined : follow ? 't' : 'f';
    let looks = 0;
    const seenBy = async (line: SqlLine): Promise<true | undefined> => {
      looks += 1;
      if (looks % looksPerFileCheck === 0) await this.#mendFile(line, signal);
      const row = (await line.query(takenQuery, [], signal)).rows[0];
      const seen = (wanted: string | undefined, name: string): boolean => wanted === undefined || row?.[name] === wanted;
      return seen(names, 'names') && seen(follows, 'follow') && seen(clients, 'clients') ? true : undefined;
    };
    const standing = this.#settingsLine(gate !== undefined ? 'gate' : follow !== undefined ? 'follow' : 'clients');
    const taken = clients === 'closed' ? () => this.#onFreshLine(seenBy) : () => seenBy(standing);
    await poll(taken, reloadEveryMs, this.#context.ports, signal);
  }

  async #shutOut(signal: AbortSignal): Promise<void> {
    if ((await findPostmaster(this.#context)) !== undefined) await this.#onFreshLine((line) => endApplicationSessions(line, signal));
  }

  /** One line for each thing that changes, because two may change at once and a line does one statement at a time. */
  #settingsLine(about: 'gate' | 'follow' | 'clients'): SqlLine {
    const line = this.#settingsLines.get(about) ?? this.#openLocalLine(`set_${about}`, plainFirst);
    this.#settingsLines.set(about, line);
    return line;
  }

  /** One writer at a time: each reads what the one before has written. */
  #write(part: Partial<ConfigurationChoice>): Promise<void> {
    return this.#alone(async () => {
      await writeChoice(this.#written(), { ...(await this.#writtenChoice()), ...part });
      await emptyAutoConfiguration(this.#context);
    });
  }

  /** Before anything is written: what PostgreSQL would not take must not stand in the file beside the gate. */
  async #leaveOutUnusable(signal: AbortSignal): Promise<void> {
    try {
      const { usable, faults } = await tryParameters(this.settings, signal);
      if (faults.length > 0) this.#useParameters(usable, faults);
    } catch (error) {
      signal.throwIfAborted();
      this.#context.ports.log.warn({ error: messageOf(error) }, 'the parameters of the pair could not be tried');
    }
  }

  /**
   * A line that the running server cannot use keeps it from taking the whole file, so the pair's own parameters go before the gate does.
   *
   * @throws HK_POSTGRES_RELOAD  when it is not for one of them.
   */
  async #mendFile(line: SqlLine, signal: AbortSignal): Promise<void> {
    const errors = await readFileErrors(line, signal);
    if (errors.length === 0) return;
    const named = new Set(errors.map(({ name }) => name.toLowerCase()));
    const usable = Object.entries(this.settings.parameters).filter(([name]) => !named.has(name.toLowerCase()));
    const faults = errors.map(({ name, error }) => `${name}: ${error}`);
    if (usable.length === Object.keys(this.settings.parameters).length) throw postgresErrors.HK_POSTGRES_RELOAD(faults.join('; '));
    this.#useParameters(Object.fromEntries(usable), faults);
    await this.#write({});
    await signalReload(this.#context);
  }

  #useParameters(parameters: InstanceSettings['parameters'], faults: readonly string[]): void {
    this.#context = { ...this.#context, settings: Object.freeze({ ...this.settings, parameters }) };
    this.#context.ports.log.error(
      { faults: faults.join('; ') },
      'PostgreSQL does not take some parameters of the pair; they are left out until they are mended',
    );
  }

  /** What is written: on a server that was started as a standby with no less than its primary's limits. */
  #written(): InstanceContext {
    if (this.#minimums === undefined) return this.#context;
    return { ...this.#context, settings: { ...this.settings, parameters: raisedTo(this.#minimums, this.settings.parameters) } };
  }

  #alone<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(task);
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #writtenChoice(): Promise<ConfigurationChoice> {
    const choice = await readWrittenChoice(this.#context);
    if (choice === undefined)
      throw postgresErrors.HK_POSTGRES_SETTINGS(
        `${this.#context.paths.configuration} was not written by this agent: start the server first`,
      );
    return choice;
  }

  #openPeerLine(purpose: string, user: string): SqlLine {
    const { peer } = this.settings;
    const applicationName = agentLineName(purpose);
    return this.#keep({
      host: peer.address,
      port: peer.port,
      user,
      databases: [ownDatabase],
      applicationName,
      tls: () => this.settings.tls,
    });
  }

  #keep(target: Parameters<typeof openSqlLine>[0]): SqlLine {
    const line = openSqlLine(target);
    const kept: SqlLine = {
      ...line,
      close: async () => {
        this.#lines.delete(kept);
        await line.close();
      },
    };
    this.#lines.add(kept);
    return kept;
  }

  /** A session of its own, in database postgres if it may be, which exists from the beginning. */
  async #onFreshLine<T>(work: (line: SqlLine) => Promise<T>): Promise<T> {
    const line = this.#openLocalLine('control', plainFirst);
    try {
      return await work(line);
    } finally {
      await line.close();
    }
  }
}

const takenQuery = `SELECT current_setting('synchronous_standby_names') AS names, current_setting('primary_conninfo') <> '' AS follow,
  current_setting('${clientsParameter}', true) AS clients`;

/** pg_file_settings reads the files anew. A value that only a restart would take is no mistake. */
async function readFileErrors(line: SqlLine, signal: AbortSignal): Promise<readonly { readonly name: string; readonly error: string }[]> {
  const { rows } = await line.query(
    `SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL AND error <> 'setting could not be applied'`,
    [],
    signal,
  );
  return rows.map(({ name, error }) => ({ name: name ?? '', error: error ?? '' }));
}

/** The application name of an agent's line. */
function agentLineName(purpose: string): string {
  return `hallkeeper_agent_${purpose}`;
}
