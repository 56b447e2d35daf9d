import { rmSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of our own under the system's temporary folder. `remove` may be called twice; the end of the process removes it too. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  remove(): Promise<void>;
}

/** Folders that still exist; the list is as long as the tests and the demo open folders at once. */
const open = new Set<string>();

process.on('exit', () => {
  for (const path of open) rmSync(path, { recursive: true, force: true });
});

/**
 * Makes a folder that other users may pass through but not list, because PostgreSQL runs as another user than root.
 * Secrets in it need file modes of their own.
 */
export async function temporaryFolder(name = 'test'): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), `hallkeeper-${name}-`));
  open.add(path);
  await chmod(path, 0o711);
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    open.delete(path);
  };
  return { path, remove, [Symbol.asyncDispose]: remove };
}
