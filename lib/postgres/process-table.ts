import { readFileSync } from 'node:fs';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { codeOf } from '#lib/base/errors.ts';

/** One living process, read from /proc. Zombies are not listed: they hold nothing any more. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  /** Clock ticks since boot; with the pid it names one process for ever. */
  readonly startTicks: string;
}

/** The programs that work in a data directory. */
const workers: readonly string[] = ['postgres', 'initdb', 'pg_basebackup', 'pg_rewind', 'pg_waldump'];

/**
 * Reads `/proc/PID/stat`. The command's name stands in parentheses and may itself hold parentheses and spaces, so fields are counted
 * from the last one: state is the first after it, the parent the second, the start time the twentieth.
 */
export function parseProcessStat(text: string): (ProcessFacts & { readonly state: string }) | undefined {
  const end = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  const fields = text
    .slice(end + 1)
    .trim()
    .split(' ');
  const [state, parent] = fields;
  const startTicks = fields[19];
  if (end < 0 || !Number.isInteger(pid) || state === undefined || parent === undefined || startTicks === undefined) return undefined;
  return { pid, parentPid: Number(parent), startTicks, state };
}

/**
 * Facts of a living process, or undefined when it is gone or a zombie.
 *
 * @throws NodeJS.ErrnoException when nobody can tell, as without a free file descriptor: that is no sign of its end.
 */
export async function readProcess(pid: number): Promise<ProcessFacts | undefined> {
  return livingOnly(await readFile(`/proc/${pid}/stat`, 'utf8').catch(undefinedWhereGone));
}

/**
 * Whether that process still lives. Asked dozens of times a second, so it reads without the thread pool: the kernel makes this text out
 * of its memory and waits for no disk, and one read through the pool costs ten times as much.
 *
 * @throws NodeJS.ErrnoException as `readProcess`
 */
export function isSameProcess({ pid, startTicks }: ProcessFacts): boolean {
  return livingOnly(readStatNow(pid))?.startTicks === startTicks;
}

function readStatNow(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    return undefinedWhereGone(error);
  }
}

function livingOnly(stat: string | undefined): ProcessFacts | undefined {
  const facts = stat === undefined ? undefined : parseProcessStat(stat);
  return facts === undefined || facts.state === 'Z' || facts.state === 'X' ? undefined : facts;
}

function undefinedWhereGone(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ESRCH') throw error;
}

/** Every living process of this machine. */
async function livingProcesses(): Promise<readonly ProcessFacts[]> {
  const names = await readdir('/proc');
  const all = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => readProcess(Number(name))));
  return all.filter((facts) => facts !== undefined);
}

/** What each living child of a process calls itself; empty for one that ended meanwhile or runs no program. */
export async function titlesOfChildren(pid: number): Promise<readonly string[]> {
  const children = (await livingProcesses()).filter(({ parentPid }) => parentPid === pid);
  return await Promise.all(children.map((child) => titleOf(child.pid)));
}

/** PostgreSQL writes the title over its arguments; what is left of them follows as zeros. */
async function titleOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return '';
    throw error;
  });
  return text.replaceAll('\0', ' ').trimEnd();
}

/**
 * Every living process of PostgreSQL that works in `directory`, with their descendants: the postmaster and its children change into the
 * data directory, and so do our own copies and rewinds. Where another user's working directory cannot be read (root without
 * CAP_SYS_PTRACE), the command line decides; titles of children hide it, so these come in by their parents.
 */
export async function processesOf(directory: string): Promise<readonly ProcessFacts[]> {
  const all = await livingProcesses();
  const belongs = await Promise.all(all.map((facts) => worksIn(facts.pid, directory)));
  const found = new Map(all.filter((_, index) => belongs[index] === true).map((facts) => [facts.pid, facts]));
  for (let grew = true; grew;) {
    const children = all.filter((facts) => !found.has(facts.pid) && found.has(facts.parentPid));
    for (const child of children) found.set(child.pid, child);
    grew = children.length > 0;
  }
  return [...found.values()];
}

/** Whether the process is a program of PostgreSQL that works in `directory`. */
export async function worksIn(pid: number, directory: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!workers.some((name) => commandLine.includes(name))) return false;
  try {
    const [place, program] = await Promise.all([readlink(`/proc/${pid}/cwd`), readlink(`/proc/${pid}/exe`)]);
    return place === directory && workers.includes(basename(program.replace(/ \(deleted\)$/, '')));
  } catch {
    return commandLine.includes(`\0-D\0${directory}\0`);
  }
}
