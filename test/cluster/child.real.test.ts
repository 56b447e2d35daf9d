import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChild } from './child.ts';
import { eventually } from './eventually.ts';
import { postgresUser } from './postgres-user.ts';
import { processesWith } from './processes.ts';
import { temporaryFolder } from './temporary.ts';
import type { TemporaryFolder } from './temporary.ts';

let folder: TemporaryFolder;
beforeAll(async () => (folder = await temporaryFolder('child')));
afterAll(() => folder.remove());

const shell = (script: string) => ({ command: '/bin/sh', args: ['-c', script], directory: folder.path });
const logHas = (name: string, text: string) => async () => (await readFile(join(folder.path, `${name}.log`), 'utf8')).includes(text);

test('a server is handed over once it is ready', async () => {
  await using child = await startChild({ name: 'ready', ...shell('echo up; exec sleep 600'), ready: logHas('ready', 'up') });
  expect(child.running).toBe(true);
});

test('a server that ends before it is ready is an error that quotes its log', async () => {
  const starting = startChild({ name: 'broken', ...shell('echo "the port is taken" >&2; exit 3'), ready: () => Promise.resolve(false) });
  await expect(starting).rejects.toThrow(/broken ended with exit code 3.*\n.*the port is taken/);
});

test('a server that never becomes ready is killed, and the error quotes its log', async () => {
  const never = { ready: () => Promise.resolve(false), readyMaxMs: 500 };
  await expect(startChild({ name: 'slow', ...shell('echo "still loading"; exec sleep 601'), ...never })).rejects.toThrow('still loading');
  expect(processesWith('sleep 601')).toEqual([]);
});

test('a server that takes the question and never answers is killed all the same', async () => {
  let aborted = false;
  const ready = (signal: AbortSignal): Promise<boolean> => {
    signal.addEventListener('abort', () => (aborted = true));
    return new Promise(() => undefined);
  };
  const starting = startChild({ name: 'mute', ...shell('exec sleep 602'), ready, readyMaxMs: 500 });
  await expect(starting).rejects.toThrow('mute was not ready within 500 ms');
  expect([aborted, processesWith('sleep 602')]).toEqual([true, []]);
});

test('a server that ends while it is asked is an error at once', async () => {
  const starting = startChild({ name: 'gone', ...shell('exit 4'), ready: () => new Promise(() => undefined), readyMaxMs: 600_000 });
  await expect(starting).rejects.toThrow('gone ended with exit code 4');
});

test('a program that does not exist is an error', async () => {
  const starting = startChild({
    name: 'absent',
    command: '/nowhere',
    args: [],
    directory: folder.path,
    ready: () => Promise.resolve(false),
  });
  await expect(starting).rejects.toThrow('absent ended with');
});

test('a process that ignores SIGTERM is killed when the time is over', async () => {
  const script = 'trap "" TERM; echo armed; while :; do sleep 1; done';
  const child = await startChild({ name: 'deaf', ...shell(script), ready: logHas('deaf', 'armed'), stopMaxMs: 300 });
  await child.stop();
  expect((await child.exited).signal).toBe('SIGKILL');
  await child.stop();
});

test('a process runs as the user that it is given', async () => {
  const user = postgresUser();
  await using child = await startChild({ name: 'user', ...shell('id -u; id -g; exec sleep 600'), user, ready: logHas('user', '\n') });
  await eventually('both numbers are in the log', logHas('user', `${user.uid}\n${user.gid}\n`), { maxMs: 20_000 });
  expect(child.running).toBe(true);
});

test('our death by SIGKILL takes the processes with us, those of another user and in another network too', async () => {
  const program = join(folder.path, 'parent.mjs');
  const room = new URL('.', import.meta.url).href;
  await writeFile(
    program,
    `import { startChild } from '${room}child.ts'; import { startNetwork } from '${room}network.ts'; import { postgresUser } from '${room}postgres-user.ts';
     const network = await startNetwork();
     const child = await startChild({ name: 'orphan', command: 'sleep', args: ['602'], directory: ${JSON.stringify(folder.path)}, network, user: postgresUser() });
     console.log(JSON.stringify({ range: network.range }));
     setInterval(() => undefined, 1_000);`,
  );
  const parent = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  parent.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    await eventually('the parent has started its server', () => said.includes('range'), { maxMs: 60_000 });
    // Started, it still has to become that program: nsenter and setpriv come before it.
    await eventually('its server runs', () => processesWith('sleep 602').length === 1, { maxMs: 20_000 });
  } finally {
    parent.kill('SIGKILL');
  }
  await eventually('the server is gone', () => processesWith('sleep 602').length === 0, { maxMs: 20_000 });
  const { range } = JSON.parse(said) as { range: string };
  const routes = (): Promise<string> => readFile('/proc/net/route', 'utf8');
  const hex = range
    .split('/')[0]
    ?.split('.')
    .toReversed()
    .map((part) => Number(part).toString(16).padStart(2, '0').toUpperCase())
    .join('');
  await eventually('the route to its network is gone', async () => !(await routes()).includes(hex ?? ''), { maxMs: 20_000 });
});
