import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { postgresErrors } from './errors.ts';

/** Held until released, or until the kernel closes the file because the process ended, however it ended. */
export interface HeldLock {
  release(): Promise<void>;
}

/**
 * Takes an exclusive lock on a file, at once or not at all.
 *
 * Node cannot call flock(2), so the program `flock` of util-linux does it on our own descriptor, which it inherits: such a lock belongs
 * to the open file, not to the process that asked for it, and stays after the program has ended, for as long as we keep the file open.
 * No process has to live on, SIGKILL of ours frees the lock, and it holds across network and process namespaces. Node opens files
 * close-on-exec, so neither PostgreSQL nor any other child of ours keeps it.
 *
 * @throws HK_POSTGRES_LOCKED when another process has it.
 */
export async function takeLock(path: string, signal: AbortSignal): Promise<HeldLock> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const exitCode = await lockDescriptor(file.fd, signal);
    if (exitCode === 0) return { release: () => file.close() };
    throw postgresErrors.HK_POSTGRES_LOCKED(exitCode === 1 ? path : `${path}: flock ended with ${exitCode ?? 'a signal'}`);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function lockDescriptor(fd: number, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd], signal });
    child.once('error', (cause) => reject(postgresErrors.HK_POSTGRES_BINARIES('flock of util-linux cannot be run: install it', { cause })));
    child.once('close', resolve);
  });
}
