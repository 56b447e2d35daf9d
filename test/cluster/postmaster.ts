import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The living postmaster of a data directory, or undefined. Its pid file alone proves nothing: a server that was killed leaves it, and the
 * kernel gives the number to a stranger after some ten thousand processes; a postmaster is the one that works in its data directory.
 * Answers at once, so that it serves while a process exits, too.
 */
export function postmasterOf(dataDirectory: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return pid > 1 && readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDirectory) ? pid : undefined;
  } catch {
    // No file, or nobody has that number.
    return undefined;
  }
}
