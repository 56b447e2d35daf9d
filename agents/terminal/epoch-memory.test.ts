import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { fileEpochs, memoryEpochs } from './epoch-memory.ts';

test.each([
  ['in memory', () => Promise.resolve(memoryEpochs())],
  ['in a file', (folder: string) => fileEpochs(folder)],
])('epochs %s only rise', async (_where, open) => {
  await using folder = await temporaryFolder('epochs');
  const epochs = await open(folder.path);
  expect(epochs.highest('p')).toBe(0n);
  await Promise.all([epochs.remember('p', 7n), epochs.remember('p', 9n), epochs.remember('p', 8n), epochs.remember('q', 1n)]);
  expect([epochs.highest('p'), epochs.highest('q')]).toEqual([9n, 1n]);
});

test('a file outlives the program, and forgets the oldest of too many pairs', async () => {
  await using folder = await temporaryFolder('epochs');
  const epochs = await fileEpochs(join(folder.path, 'state'));
  for (let pair = 1; pair <= 40; pair += 1) await epochs.remember(`p${pair}`, 2n ** 60n);
  const again = await fileEpochs(join(folder.path, 'state'));
  expect([again.highest('p1'), again.highest('p40')]).toEqual([0n, 2n ** 60n]);
  expect(Object.keys(JSON.parse(await readFile(join(folder.path, 'state/epochs.json'), 'utf8')) as object)).toHaveLength(32);
});

test.each(['', '{', '[]1', '{"p":7}', '{"p":"-1"}'])(
  'a damaged file %j is refused: forgetting would let an old primary command',
  async (text) => {
    await using folder = await temporaryFolder('epochs');
    await writeFile(join(folder.path, 'epochs.json'), text);
    await expect(fileEpochs(folder.path)).rejects.toThrow('is damaged');
  },
);
