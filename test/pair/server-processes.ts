import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { childrenOf } from '../cluster/processes.ts';

/** The postmaster's process id, or undefined when none runs in this data directory. */
export async function postmasterOf(dataDirectory: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

/** Signals the postmaster and all its children, which are sessions of their own. */
export async function signalServer(dataDirectory: string, signal: NodeJS.Signals): Promise<void> {
  const postmaster = await postmasterOf(dataDirectory);
  if (postmaster === undefined) return;
  for (const pid of [postmaster, ...childrenOf(postmaster).map((child) => child.pid)]) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

/** Processes of a server, by the words in their titles. */
export type ServerProcess = 'walsender' | 'walreceiver' | 'startup' | 'checkpointer';

/** The process of the server in this data directory that does this; undefined while there is none. */
export async function serverProcess(dataDirectory: string, does: ServerProcess): Promise<number | undefined> {
  const postmaster = await postmasterOf(dataDirectory);
  return postmaster === undefined ? undefined : childrenOf(postmaster).find(({ command }) => command.startsWith(`postgres: ${does}`))?.pid;
}
