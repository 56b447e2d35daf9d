import { spawn } from 'node:child_process';
import { codeOf } from '#lib/base/errors.ts';
import { postgresErrors } from './errors.ts';
import type { PostgresAccount } from './instance.ts';

export interface ProgramCall {
  readonly file: string;
  readonly args: readonly string[];
  /** Working directory; by it an orphan of a killed agent is found again. */
  readonly directory: string;
  readonly account: PostgresAccount | undefined;
  /** Called with each piece of standard error as it comes. */
  readonly onStderr?: (piece: string) => void;
}

export interface ProgramEnd {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** The last part of it. */
  readonly stderr: string;
}

const outputCharsMax = 256 * 1024;
const stderrTailChars = 4_000;

/** Nothing of our own environment reaches PostgreSQL's programs: PGHOST and the like would change what they do. */
export const programEnvironment = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TZ: 'UTC' } as const;

/** The part of spawn's options that changes the user; root alone may. */
export function asAccount(account: PostgresAccount | undefined): { readonly uid?: number; readonly gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

/** For errors: a directory above that the account may not pass through is the usual reason. */
export function inName(account: PostgresAccount | undefined): string {
  return account === undefined ? '' : ` as user ${account.uid}`;
}

/**
 * Runs a program to its end. Killed with SIGKILL when `signal` aborts, and then its reason is thrown. It leads a process group, so that
 * its children are killed with it: pg_basebackup's second process would else stream on and keep the slot busy.
 */
export function endOfProgram(call: ProgramCall, signal: AbortSignal): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(call.file, call.args, {
      cwd: call.directory,
      env: programEnvironment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...asAccount(call.account),
    });
    let stdout = '';
    let stderr = '';
    const kill = (): void => killGroup(child.pid);
    signal.addEventListener('abort', kill, { once: true });
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      if (stdout.length < outputCharsMax) stdout += piece;
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      stderr = (stderr + piece).slice(-stderrTailChars);
      call.onStderr?.(piece);
    });
    child.once('error', (cause) => {
      signal.removeEventListener('abort', kill);
      reject(postgresErrors.HK_POSTGRES_BINARIES(`${call.file} cannot be run in ${call.directory}${inName(call.account)}`, { cause }));
    });
    child.once('close', (exitCode) => {
      signal.removeEventListener('abort', kill);
      if (signal.aborted) reject(signal.reason as Error);
      else resolve({ exitCode: exitCode ?? undefined, stdout, stderr });
    });
  });
}

/** As `endOfProgram`, for programs that must succeed. @throws HK_POSTGRES_DISK_FULL, HK_POSTGRES_PROGRAM */
export async function runProgram(call: ProgramCall, signal: AbortSignal): Promise<ProgramEnd> {
  const end = await endOfProgram(call, signal);
  if (end.exitCode === 0) return end;
  const name = call.file.slice(call.file.lastIndexOf('/') + 1);
  const said = end.stderr.trim().split('\n').slice(-8).join('; ');
  if (saysDiskFull(said)) throw postgresErrors.HK_POSTGRES_DISK_FULL(`${name}: ${said}`);
  throw postgresErrors.HK_POSTGRES_PROGRAM(`${name} ended with ${end.exitCode ?? 'a signal'}: ${said}`);
}

/** Whether a text of PostgreSQL (programs run with LC_ALL=C) says that the disk is full. */
export function saysDiskFull(text: string): boolean {
  return /No space left on device|Disk quota exceeded/.test(text);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
