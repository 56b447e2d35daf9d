import { open, stat } from 'node:fs/promises';
import { codeOf } from '#lib/base/errors.ts';
import { writeDurably } from './durable-file.ts';
import type { PostgresAccount } from './instance.ts';

/** Beyond this the log is cut; the newest `logKeptBytes` go to `postgresql.log.1`. Together they bound the space. */
const logBytesMax = 16 * 1024 * 1024;
const logKeptBytes = 4 * 1024 * 1024;
const tailChars = 4_000;

/** The last lines of a log, at most 4,000 characters; empty when there is none. */
export async function readLogTail(path: string): Promise<string> {
  const tail = await readTail(path, tailChars);
  const lineEnd = tail.length < tailChars ? -1 : tail.indexOf('\n');
  return tail.slice(lineEnd + 1).trim();
}

/**
 * Cuts the log of a running server when it grew beyond its bound. The server appends (O_APPEND), so it goes on at the new end.
 * What it writes between our reading and our cutting is lost; for a log that is the lesser evil.
 */
export async function boundLog(path: string, owner: PostgresAccount | undefined, bytesMax = logBytesMax): Promise<void> {
  const size = await sizeOf(path);
  if (size <= bytesMax) return;
  const kept = await readTail(path, Math.min(logKeptBytes, bytesMax));
  await writeDurably(`${path}.1`, kept, { mode: 0o640, owner });
  const file = await open(path, 'r+');
  try {
    await file.truncate(0);
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function readTail(path: string, bytesMax: number): Promise<string> {
  const size = await sizeOf(path);
  if (size === 0) return '';
  const file = await open(path, 'r');
  try {
    const length = Math.min(size, bytesMax);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The last lines of a log, for an error's message. */
export function lastLines(text: string, lines = 5): string {
  return text.trim().split('\n').slice(-lines).join('; ').slice(-1_500);
}
