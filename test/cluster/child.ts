import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Network } from './network.ts';
import { systemProgram } from './programs.ts';

export interface ChildOptions {
  /** What the process is, in errors and as the name of its log file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Where the log file goes; also the working folder unless `workingFolder` says otherwise. */
  readonly directory: string;
  readonly workingFolder?: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs inside this network. */
  readonly network?: Network;
  /** Runs as this user; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /**
   * Answers true once the server serves. Asked again and again; throwing means "not yet", and so does no answer by the time that the
   * signal aborts. Absent: ready when started.
   */
  readonly ready?: (signal: AbortSignal) => Promise<boolean>;
  readonly readyMaxMs?: number;
  /** Time between SIGTERM and SIGKILL. */
  readonly stopMaxMs?: number;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that we started. It dies with us, however we die. */
export interface Child extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended. Never rejects. */
  readonly exited: Promise<ChildExit>;
  readonly running: boolean;
  /** SIGTERM, then SIGKILL when the time is over. Resolves when the process has ended; harmless when it has already. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when the process has ended. */
  kill(): Promise<void>;
  /** SIGHUP, SIGSTOP, SIGCONT and the like. */
  signal(signal: NodeJS.Signals): void;
  /** The last lines of its log. */
  logTail(): Promise<string>;
}

const readyMaxMsDefault = 60_000;
const readyEveryMs = 50;
/** For one question; a server that is starting may take it and never answer. */
const readyAnswerMaxMs = 5_000;
const stopMaxMsDefault = 15_000;
const tailLines = 20;

/**
 * Starts a process with its output in `<directory>/<name>.log` and waits until it is ready.
 *
 * @throws Error when the process ends before it is ready or is not ready in time; the message quotes the tail of its log.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = await launch(options);
  if (options.ready === undefined) return child;
  const readyMaxMs = options.readyMaxMs ?? readyMaxMsDefault;
  const endMs = performance.now() + readyMaxMs;
  let ended: ChildExit | undefined;
  void child.exited.then((exit) => (ended = exit));
  for (;;) {
    const remainingMs = Math.max(1, endMs - performance.now());
    if (await answers(options.ready, Math.min(readyAnswerMaxMs, remainingMs), child.exited)) return child;
    if (ended !== undefined) throw await startFailed(child, `ended with ${describeExit(ended)}`);
    if (performance.now() >= endMs) {
      await child.kill();
      throw await startFailed(child, `was not ready within ${readyMaxMs} ms`);
    }
    await Promise.race([sleep(readyEveryMs), child.exited]);
  }
}

async function answers(ready: NonNullable<ChildOptions['ready']>, maxMs: number, exited: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const notYet = (): boolean => false;
  const late = sleep(maxMs, false, { signal: over.signal }).catch(notYet);
  const stop = AbortSignal.any([over.signal, AbortSignal.timeout(Math.ceil(maxMs))]);
  try {
    return await Promise.race([ready(stop).catch(notYet), late, exited.then(notYet)]);
  } finally {
    over.abort();
  }
}

async function launch(options: ChildOptions): Promise<Child> {
  const { name, directory } = options;
  const logFile = join(directory, `${name}.log`);
  const log = await open(logFile, 'a');
  const [command, ...args] = commandLine(options);
  const process_ = spawn(command, args, {
    cwd: options.workingFolder ?? directory,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log.fd, log.fd],
    // A process group of its own: Ctrl-C reaches us alone, and we stop what we started in our order.
    detached: true,
  });
  let running = true;
  const exited = new Promise<ChildExit>((resolve) => {
    process_.once('exit', (code, signal) => resolve({ code, signal }));
    process_.once('error', () => resolve({ code: null, signal: null }));
  }).finally(() => (running = false));
  await log.close();
  const { pid } = process_;
  if (pid === undefined) throw new Error(`${name} could not be started: ${command} cannot be run`);
  const end = async (first: NodeJS.Signals): Promise<void> => {
    if (!running) return;
    process_.kill(first);
    const timer = setTimeout(() => process_.kill('SIGKILL'), options.stopMaxMs ?? stopMaxMsDefault);
    await exited;
    clearTimeout(timer);
  };
  return {
    name,
    pid,
    logFile,
    exited,
    get running() {
      return running;
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    signal: (signal) => void process_.kill(signal),
    logTail: () => tailOf(logFile),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  };
}

/**
 * nsenter and setpriv replace themselves by the program, so its process is the one we started and has the pid we know.
 * The death signal is set last: a change of user would clear it.
 */
function commandLine({ command, args, network, user }: ChildOptions): [string, ...string[]] {
  const identity = user === undefined || user.uid === process.getuid?.() ? [] : userFlags(user);
  const inside = [systemProgram('setpriv'), '--pdeathsig', 'KILL', ...identity, command, ...args];
  return [...(network?.enter ?? []), ...inside] as [string, ...string[]];
}

function userFlags({ uid, gid }: { readonly uid: number; readonly gid: number }): readonly string[] {
  return ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
}

async function startFailed(child: Child, what: string): Promise<Error> {
  return new Error(`${child.name} ${what}. The end of its log:\n${await child.logTail()}`);
}

function describeExit({ code, signal }: ChildExit): string {
  return signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
}

async function tailOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-tailLines).join('\n');
}
