import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Generator } from './generators.ts';

/** A file that is not as its generator makes it. */
export interface StaleFile {
  readonly path: string;
  readonly why: 'differs' | 'missing' | 'no longer generated';
  /** What it should hold; undefined when it should not be there. */
  readonly content: string | undefined;
}

export const checkoutFolder = fileURLToPath(new URL('../../', import.meta.url));

/** Compares what a generator makes with what the folder holds. */
export async function findStale({ name, generate, owns }: Generator, folder: string): Promise<readonly StaleFile[]> {
  const wanted = await generate();
  if (wanted.size === 0) throw new Error(`${name}: the generator made no file`);
  const foreign = [...wanted.keys()].filter((path) => !owns(path));
  if (foreign.length > 0) throw new Error(`${name}: the generator makes files that it does not own: ${foreign.join(', ')}`);
  const stale: StaleFile[] = [];
  for (const [path, content] of wanted) {
    const found = await readFile(join(folder, path), 'utf8').catch(() => undefined);
    if (found !== content) stale.push({ path, why: found === undefined ? 'missing' : 'differs', content });
  }
  const folders = new Set([...wanted.keys()].map((path) => path.split('/').slice(0, 2).join('/')));
  for (const path of await filesBelow(folder, [...folders])) {
    if (owns(path) && !wanted.has(path)) stale.push({ path, why: 'no longer generated', content: undefined });
  }
  return stale;
}

/** Makes the folder hold what the generators make. */
export async function refresh(stale: readonly StaleFile[], folder: string): Promise<void> {
  for (const { path, content } of stale) {
    if (content === undefined) await rm(join(folder, path));
    else await mkdir(dirname(join(folder, path)), { recursive: true }).then(() => writeFile(join(folder, path), content));
  }
}

async function filesBelow(folder: string, roots: readonly string[]): Promise<readonly string[]> {
  const lists = await Promise.all(
    roots.map(async (root) => {
      const entries = await readdir(join(folder, root), { recursive: true, withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length));
    }),
  );
  return lists.flat();
}
