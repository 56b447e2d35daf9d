import { execFile } from 'node:child_process';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeOf } from '#lib/base/errors.ts';
import { openInstance } from './open-instance.ts';
import type { RealPair } from './testing/real-pair.ts';
import { realPair, soon, testPorts } from './testing/real-pair.ts';

const run = promisify(execFile);
const asRoot = process.getuid?.() === 0;
let pair: RealPair;
let small: string;

// Only root can mount a small file system of its own to fill it up.
beforeAll(async () => {
  pair = await realPair();
  small = join(pair.folder.path, 'a');
  if (asRoot) await run('mount', ['-t', 'tmpfs', '-o', 'size=96m,mode=711', 'hallkeeper-test', small]);
});
afterAll(async () => {
  await pair.a.killAll(soon());
  if (asRoot) await run('umount', [small]);
  await pair[Symbol.asyncDispose]();
});

test.runIf(asRoot)('a full disk is named as such, while initialising and while running, and room brings the server back', async () => {
  const filler = join(small, 'filler');
  await fill(filler, 10);
  await expect(pair.a.initialise(soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_DISK_FULL' });
  expect(await pair.a.inspectData(soon())).toEqual({ holds: 'nothing' });
  await rm(filler);
  const { systemIdentifier } = await pair.a.initialise(soon());

  await pair.a.start({ as: 'primary', gate: 'none' }, soon());
  await pair.a.waitReady(soon());
  await pair.a.bootstrap(soon());
  const before = await pair.a.diskSpace();
  expect(before.totalBytes).toBeLessThan(200 * 1024 * 1024);
  await fill(filler, 0);
  expect((await pair.a.diskSpace()).freeBytes).toBeLessThan(before.freeBytes);
  await expect(pair.a.writeProof({ systemIdentifier, timeline: 1 })).rejects.toMatchObject({ code: 'HK_POSTGRES_DISK_FULL' });
  const line = pair.a.openLine('test');
  const grow = line.query(`CREATE TABLE large AS SELECT repeat('x', 900) FROM generate_series(1, 60000)`, [], soon());
  // Either the table cannot grow, or the log cannot, which ends the server.
  await expect(grow).rejects.toMatchObject({ code: expect.stringMatching(/HK_POSTGRES_(DISK_FULL|UNREACHABLE)/) as string });
  await expect.poll(() => pair.a.logTail(), { timeout: 60_000 }).toContain('No space left on device');

  await rm(filler);
  await pair.a.killAll(soon());
  const again = openInstance(pair.settingsOf('a'), testPorts);
  await again.start({ as: 'primary', gate: 'none' }, soon());
  await again.waitReady(soon());
  await again.commitLocal(again.openLine('test'), soon());
  await again.writeProof({ systemIdentifier, timeline: 1 });
  expect(await again.readProof()).toEqual({ systemIdentifier, timeline: 1 });
  await again.close();
});

test.runIf(asRoot)('a data directory that is a mount point is refused, for no copy could take its place', async () => {
  const settings = { ...pair.settingsOf('b'), stateDirectory: join(pair.folder.path, 's'), dataDirectory: small };
  const mounted = openInstance(settings, testPorts);
  await expect(mounted.initialise(soon())).rejects.toThrow(/not empty|mount point/);
  await expect(mounted.lock(soon())).rejects.toThrow('mount point');
  await mounted.close();
});

/** Fills the small file system until `leaveMegabytes` are free. The server writes meanwhile, so the end may come early: full is full. */
async function fill(path: string, leaveMegabytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(small);
  await writeFile(path, Buffer.alloc(Math.max(0, bavail * bsize - leaveMegabytes * 1024 * 1024))).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOSPC') throw error;
  });
}
