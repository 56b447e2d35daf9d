import { chmod, chown, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '#lib/base/errors.ts';
import { postgresErrors } from './errors.ts';
import type { PostgresAccount } from './instance.ts';

export interface FileAccess {
  readonly mode: number;
  /** Owner and group; undefined leaves them ours. */
  readonly owner: PostgresAccount | undefined;
}

/** Replaces a file so that after a crash it holds either the old or the new text, never a part, and the new one once this returned. */
export async function writeDurably(path: string, text: string, access: FileAccess): Promise<void> {
  await replaceFile(path, text, access, true);
  await syncDirectory(dirname(path));
}

/**
 * Replaces a file so that readers see the old or the new text, never a part, and waits for no disk. For what is written anew before
 * it matters after a crash of the machine: a take-over waits for these writes, and a busy disk takes long over a sync.
 */
export async function writeAtomically(path: string, text: string, access: FileAccess): Promise<void> {
  await replaceFile(path, text, access, false);
}

async function replaceFile(path: string, text: string, { mode, owner }: FileAccess, synced: boolean): Promise<void> {
  const next = `${path}.next`;
  try {
    await rm(next, { force: true });
    const file = await open(next, 'wx', mode);
    try {
      await file.chmod(mode);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await file.writeFile(text);
      if (synced) await file.sync();
    } finally {
      await file.close();
    }
    await rename(next, path);
  } catch (cause) {
    if (codeOf(cause) === 'ENOSPC') throw postgresErrors.HK_POSTGRES_DISK_FULL(`${path} cannot be written`, { cause });
    throw cause;
  }
}

/** Removes a file, durably. It may be absent, and so may its directory. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path)).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a directory, or gives an existing one this mode and owner. */
export async function ensureDirectory(path: string, { mode, owner }: FileAccess): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  await chmod(path, mode);
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
