import { postmasterOf } from '../cluster/postmaster.ts';
import { childrenOf } from '../cluster/processes.ts';

/** Signals the postmaster and all its children, which are sessions of their own. */
export function signalServer(dataDirectory: string, signal: NodeJS.Signals): void {
  const postmaster = postmasterOf(dataDirectory);
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
export function serverProcess(dataDirectory: string, does: ServerProcess): number | undefined {
  const postmaster = postmasterOf(dataDirectory);
  return postmaster === undefined ? undefined : childrenOf(postmaster).find(({ command }) => command.startsWith(`postgres: ${does}`))?.pid;
}
