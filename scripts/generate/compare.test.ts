import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { findStale, refresh } from './compare.ts';
import type { Generator } from './generators.ts';

const generator: Generator = {
  name: 'sample',
  generate: () => Promise.resolve(new Map(['a', 'b', 'c'].map((name) => [`made/here/${name}.gen.ts`, `// ${name}\n`]))),
  owns: (path) => /^made\/here\/[^/]+\.gen\.ts$/.test(path),
};

test('a file that differs, one that is missing and one too many are stale, and refreshing mends them', async () => {
  await using folder = await temporaryFolder('generate');
  const made = join(folder.path, 'made', 'here');
  await mkdir(made, { recursive: true });
  await writeFile(join(made, 'a.gen.ts'), '// a\n');
  await writeFile(join(made, 'b.gen.ts'), '// edited by hand\n');
  await writeFile(join(made, 'old.gen.ts'), '// of a kind that is gone\n');
  await writeFile(join(made, 'beside.ts'), '// ours\n');
  const stale = await findStale(generator, folder.path);
  expect(stale.map(({ path, why }) => [path, why])).toEqual([
    ['made/here/b.gen.ts', 'differs'],
    ['made/here/c.gen.ts', 'missing'],
    ['made/here/old.gen.ts', 'no longer generated'],
  ]);
  await refresh(stale, folder.path);
  expect(await findStale(generator, folder.path)).toEqual([]);
  expect(await readFile(join(made, 'beside.ts'), 'utf8')).toBe('// ours\n');
});

test('a generator that makes nothing, or files of others, is an error', async () => {
  await using folder = await temporaryFolder('generate');
  await expect(findStale({ ...generator, generate: () => Promise.resolve(new Map()) }, folder.path)).rejects.toThrow('made no file');
  await expect(findStale({ ...generator, owns: () => false }, folder.path)).rejects.toThrow('files that it does not own');
});
