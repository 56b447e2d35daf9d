import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removeDurably, writeDurably } from './durable-file.ts';
import { readProof, removeProof, writeProof } from './proof.ts';
import { boundLog, lastLines, readLogTail } from './server-log.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallkeeper-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('files of the instance', () => {
  test('a file is replaced whole, with its mode, and leaves nothing beside it', async () => {
    const path = join(folder, 'settings');
    await writeFile(`${path}.next`, 'left over by a crash');
    for (const text of ['first', 'second, longer', '']) {
      await writeDurably(path, text, { mode: 0o600, owner: undefined });
      expect(await readFile(path, 'utf8')).toBe(text);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('settings'))).toEqual(['settings']);
  });

  test('a file that is absent, even with its directory, can be removed', async () => {
    await removeDurably(join(folder, 'none'));
    await removeDurably(join(folder, 'none', 'none'));
  });

  test('a proof reads back, a torn one does not, a removed one is gone', async () => {
    const path = join(folder, 'proof');
    expect(await readProof(path)).toBeUndefined();
    await writeProof(path, { systemIdentifier: '7412345678901234567', timeline: 3 });
    expect(await readProof(path)).toEqual({ systemIdentifier: '7412345678901234567', timeline: 3 });
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, -10));
    expect(await readProof(path)).toBeUndefined();
    await removeProof(path);
    expect(await readProof(path)).toBeUndefined();
    await expect(writeProof(path, { systemIdentifier: 'x', timeline: 3 })).rejects.toMatchObject({ code: 'HK_POSTGRES_DATA' });
  });

  test('a log is cut at its bound, the newest part is kept, and its writer goes on', async () => {
    const path = join(folder, 'log');
    await writeFile(path, `${'old line\n'.repeat(100)}newest line\n`);
    await boundLog(path, undefined, 10_000);
    expect((await stat(path)).size).toBeGreaterThan(0);
    await boundLog(path, undefined, 100);
    expect((await stat(path)).size).toBe(0);
    const kept = await readFile(`${path}.1`, 'utf8');
    expect(kept.length).toBeLessThanOrEqual(100);
    expect(kept).toMatch(/newest line\n$/);
    await writeFile(path, 'after\n', { flag: 'a' });
    expect(await readLogTail(path)).toBe('after');
  });

  test('the tail of a log begins with a whole line', async () => {
    const path = join(folder, 'long');
    await writeFile(path, Array.from({ length: 1_000 }, (_, index) => `line ${index}`).join('\n'));
    const tail = await readLogTail(path);
    expect(tail.length).toBeLessThanOrEqual(4_000);
    expect(tail).toMatch(/^line \d+\n/);
    expect(lastLines(tail, 2)).toBe('line 998; line 999');
    expect(await readLogTail(join(folder, 'no log'))).toBe('');
  });
});
