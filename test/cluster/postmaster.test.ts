import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { postmasterOf } from './postmaster.ts';
import { temporaryFolder } from './temporary.ts';
import type { TemporaryFolder } from './temporary.ts';

let folder: TemporaryFolder;
let worker: ChildProcess;

const name = (text: string | number): Promise<void> => writeFile(join(folder.path, 'postmaster.pid'), `${text}\n${folder.path}\n`);

beforeEach(async () => {
  folder = await temporaryFolder('postmaster');
  worker = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1_000)'], { cwd: folder.path, stdio: 'ignore' });
  await once(worker, 'spawn');
});

afterEach(async () => {
  worker.kill('SIGKILL');
  await folder.remove();
});

test('a postmaster is the process of the pid file that works in the data directory, until it ends', async () => {
  expect(postmasterOf(folder.path)).toBeUndefined();
  await name(worker.pid ?? 0);
  expect(postmasterOf(folder.path)).toBe(worker.pid);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  expect(postmasterOf(folder.path)).toBeUndefined();
});

test.each([
  ['a stranger with the number of one that was killed', String(process.pid)],
  ['a file that is being written', ''],
  ['the whole process group', '0'],
  ['every process', '-1'],
  ['no number', 'x'],
])('is never %s', async (_, text) => {
  await name(text);
  expect(postmasterOf(folder.path)).toBeUndefined();
});
