import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, findProgram } from './places.mjs';

const tellAfterMs = 1_000;

/**
 * Runs the work while no other set-up of this user does, whatever checkout it is for. The lock is held by a child process that ends
 * when its input closes, so that it is free again however we end. Without flock there is no lock, and no second set-up to expect.
 */
export async function withLock(progress, work) {
  const flock = findProgram('flock');
  if (flock === undefined) return work();
  mkdirSync(cacheFolder, { recursive: true });
  const holder = spawn(flock, [join(cacheFolder, 'setup.lock'), 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // Its own process group: Ctrl-C must not end it before us.
    detached: true,
  });
  const timer = setTimeout(() => progress.say('another set-up is running; waiting for it to end…'), tellAfterMs);
  await new Promise((resolve) => {
    holder.stdout.once('data', resolve);
    holder.once('error', resolve);
    holder.once('exit', resolve);
  });
  clearTimeout(timer);
  try {
    return await work();
  } finally {
    holder.stdin.end();
  }
}
