import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { untilBeat } from '#lib/base/beat.ts';
import { codeOf } from '#lib/base/errors.ts';
import type { InstanceContext } from './context.ts';
import { poll } from './context.ts';
import { exists, readIfPresent, removeDurably } from './durable-file.ts';
import { postgresErrors } from './errors.ts';
import type { RunningServer, ServerExit } from './instance.ts';
import type { InstancePaths } from './paths.ts';
import type { ProcessFacts } from './process-table.ts';
import { isSameProcess, processesOf, readProcess, worksIn } from './process-table.ts';
import { asAccount, inName, programEnvironment } from './program.ts';
import { boundLog, readLogTail } from './server-log.ts';

/**
 * A found server has no parent that is told of its end; we look this often, on the beat of the pair's ticks: on a machine with little else to
 * do what costs is to be woken, some 0.15 ms, and not the look.
 */
const watchEveryMs = 50;
const boundLogEveryMs = 1_000;
const goneEveryMs = 5;

export interface PostmasterFile {
  readonly pid: number;
  /** Last line of postmaster.pid: starting, stopping, ready or standby. Absent while the file is being written. */
  readonly status: string | undefined;
}

/** Reads postmaster.pid: line 1 the process, line 8 its state. Undefined for an empty or torn file. */
export function parsePostmasterFile(text: string): PostmasterFile | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const status = lines[7];
  return { pid, status: status === '' ? undefined : status };
}

/** The living postmaster of the data directory. A pid file alone proves nothing: after a power cut the number may belong to anyone. */
export async function findPostmaster({ paths }: InstanceContext): Promise<(ProcessFacts & Pick<PostmasterFile, 'status'>) | undefined> {
  const text = await readIfPresent(paths.postmasterPid);
  const file = text === undefined ? undefined : parsePostmasterFile(text);
  if (file === undefined) return undefined;
  const facts = await readProcess(file.pid);
  if (facts === undefined || !(await worksIn(file.pid, paths.data))) return undefined;
  return { ...facts, status: file.status };
}

/** ALTER SYSTEM writes beside our settings; where a version can refuse it, it does, for as long as the server runs. */
export function postmasterArguments(paths: Pick<InstancePaths, 'data' | 'configuration'>, major: number): readonly string[] {
  const noAlterSystem = major >= 17 ? ['-c', 'allow_alter_system=off'] : [];
  return ['-D', paths.data, '-c', `config_file=${paths.configuration}`, ...noAlterSystem];
}

/**
 * Starts the postmaster in a session of its own, so that it outlives us, with nothing of ours but the log to write to.
 * The caller has written the settings and checked that no server lives here.
 */
export async function spawnPostmaster(context: InstanceContext, major: number): Promise<RunningServer> {
  const { settings, paths } = context;
  await boundLog(paths.log, settings.account);
  const log = await open(paths.log, 'a', 0o640);
  try {
    if (settings.account !== undefined) await log.chown(settings.account.uid, settings.account.gid);
    const child = spawn(join(settings.binaryDirectory, 'postgres'), postmasterArguments(paths, major), {
      cwd: paths.data,
      env: programEnvironment,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      ...asAccount(settings.account),
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(postgresErrors.HK_POSTGRES_NOT_STARTED(`postgres cannot be run in ${paths.data}${inName(settings.account)}`, { cause })),
      );
    });
    child.unref();
    return watchChild(child, context);
  } finally {
    await log.close();
  }
}

function watchChild(child: ChildProcess, context: InstanceContext): RunningServer {
  const pid = child.pid ?? 0;
  const ended = new AbortController();
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (exitCode, signalName) => {
      ended.abort();
      void readLogTail(context.paths.log)
        .catch(() => '')
        .then((logTail) => resolve({ pid, exitCode: exitCode ?? undefined, signalName: signalName ?? undefined, logTail }));
    });
  });
  void boundLogWhile(context, ended.signal);
  return { pid, reattached: false, exited };
}

/** Watches a postmaster that is not our child, until it is gone or `closed` aborts; then `exited` never resolves. */
export function watchFound(facts: ProcessFacts, context: InstanceContext, closed: AbortSignal): RunningServer {
  const ended = new AbortController();
  const exited = new Promise<ServerExit>((resolve) => {
    untilGone(facts, context, closed)
      .then(() => readLogTail(context.paths.log).catch(() => ''))
      .then((logTail) => resolve({ pid: facts.pid, exitCode: undefined, signalName: undefined, logTail }))
      .catch(() => undefined)
      .finally(() => ended.abort());
  });
  void boundLogWhile(context, AbortSignal.any([ended.signal, closed]));
  return { pid: facts.pid, reattached: true, exited };
}

async function untilGone(facts: ProcessFacts, { ports: { clock } }: InstanceContext, closed: AbortSignal): Promise<void> {
  while (lives(facts)) await clock.sleep(untilBeat(clock, watchEveryMs), closed);
  closed.throwIfAborted();
}

/** Where nobody can tell, the process counts as living. */
function lives(facts: ProcessFacts): boolean {
  try {
    return isSameProcess(facts);
  } catch {
    return true;
  }
}

async function boundLogWhile({ settings, paths, ports }: InstanceContext, ended: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await ports.clock.sleep(boundLogEveryMs, ended);
      await boundLog(paths.log, settings.account);
    }
  } catch (error) {
    if (!ended.aborted) ports.log.warn({ code: codeOf(error) ?? null }, 'the log of PostgreSQL is no longer bounded');
  }
}

/**
 * A pid file whose number is taken makes PostgreSQL refuse to start, and so does the lock file of its socket: taken by a stranger after a
 * power cut, or by the old postmaster as a zombie where nobody collects orphans (a container without an init). We hold the lock and have
 * seen that no living process works in the directory, so both are stale. A file that names nobody is left: PostgreSQL deals with it.
 */
export async function removeStaleLockFiles({ settings, paths }: InstanceContext): Promise<void> {
  for (const path of [paths.postmasterPid, join(paths.socketDirectory, `.s.PGSQL.${settings.self.port}.lock`)]) {
    const text = await readIfPresent(path);
    if (text === undefined) continue;
    const file = parsePostmasterFile(text);
    if (file === undefined || (await exists(`/proc/${file.pid}`))) await removeDurably(path);
  }
}

/** @throws HK_POSTGRES_RUNNING  when any process of PostgreSQL works in the data directory. */
export async function refuseRunning({ paths }: InstanceContext): Promise<void> {
  const living = await processesOf(paths.data);
  if (living.length > 0) throw postgresErrors.HK_POSTGRES_RUNNING(`${paths.data}: ${living.map(({ pid }) => pid).join(', ')}`);
}

/** Fast shutdown (SIGINT), and a wait until no process is left. A server that is not there is stopped already. */
export async function stopServer(context: InstanceContext, signal: AbortSignal): Promise<void> {
  const postmaster = await findPostmaster(context);
  if (postmaster !== undefined) sendSignal(postmaster.pid, 'SIGINT');
  await waitGone(context, signal);
}

/**
 * SIGKILL for the whole server, as the protocol's rule 5 wants it: the postmaster is stopped first, so that it starts no more children;
 * each child is a session of its own, so they are found in the process table, not by their group. Repeated until nobody is left,
 * for a child may have been born while we looked.
 */
export async function killServer(context: InstanceContext, signal: AbortSignal): Promise<void> {
  const { paths, ports } = context;
  const postmaster = await findPostmaster(context);
  if (postmaster !== undefined) sendSignal(postmaster.pid, 'SIGSTOP');
  const kill = async (): Promise<true | undefined> => {
    const living = await processesOf(paths.data);
    for (const { pid } of living) sendSignal(pid, 'SIGKILL');
    return living.length === 0 ? true : undefined;
  };
  await poll(kill, goneEveryMs, ports, signal);
}

async function waitGone({ paths, ports }: InstanceContext, signal: AbortSignal): Promise<void> {
  await poll(async () => ((await processesOf(paths.data)).length === 0 ? true : undefined), 10 * goneEveryMs, ports, signal);
}

/** Tells the postmaster to read its settings again. @throws HK_POSTGRES_NOT_RUNNING */
export async function signalReload(context: InstanceContext): Promise<void> {
  const postmaster = await findPostmaster(context);
  if (postmaster === undefined || !sendSignal(postmaster.pid, 'SIGHUP')) throw postgresErrors.HK_POSTGRES_NOT_RUNNING(context.paths.data);
}

/** False when the process is gone. */
export function sendSignal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}
