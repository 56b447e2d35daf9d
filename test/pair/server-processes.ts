import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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
  for (const pid of [postmaster, ...(await childrenOf(postmaster))]) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}
