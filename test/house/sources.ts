import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path from the root, with slashes → text. */
export type Sources = ReadonlyMap<string, string>;

export const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

const skippedFolders = new Set(['node_modules', '.git', '.hallkeeper', 'coverage']);
const textFile = /(\.(ts|mjs|json|md|ya?ml|proto|sql|sh|go|mod|conf|txt|tmpl|om|prom)|\/(setup|run)|^LICENSE|ignore)$/;

/** Every text file of the checkout, whether committed or not, generated ones included. */
export async function readSources(): Promise<Sources> {
  const paths = await walk(root);
  const entries = await Promise.all(paths.map(async (path) => [relative(root, path), await readFile(path, 'utf8')] as const));
  return new Map(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function walk(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const below = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : walk(path);
      return entry.isFile() && textFile.test(relative(root, path)) ? [path] : [];
    }),
  );
  return below.flat();
}
