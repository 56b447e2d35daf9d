import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

const program = join(import.meta.dirname, 'testing', 'sample-program.ts');
let folder: string;
const started: ChildProcess[] = [];

beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'hallkeeper-program-'))));
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

interface Running {
  readonly child: ChildProcess;
  /** Resolves as soon as it has said this, on whichever stream. */
  readonly says: (text: string) => Promise<void>;
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

async function start(settings: string): Promise<Running> {
  const file = join(folder, `${started.length}.yaml`);
  await writeFile(file, settings);
  const child = spawn(process.execPath, [program, '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null);
  const says = async (text: string): Promise<void> => {
    while (!said.includes(text)) {
      const next = Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), ended.then(() => 'ended')]);
      if ((await next) === 'ended' && !said.includes(text)) throw new Error(`it ended without "${text}": ${said}`);
    }
  };
  return { child, says, ended };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s stops a program in order',
  async (signal) => {
    const { child, says, ended } = await start('{}');
    await says('running');
    child.kill(signal);
    await says('stopping');
    expect(await ended).toBe(0);
  },
  60_000,
);

test('a second signal ends a program that does not come to its end', async () => {
  const { child, says, ended } = await start('hangs: true');
  await says('running');
  child.kill('SIGTERM');
  await says('stopping');
  child.kill('SIGINT');
  expect(await ended).toBe(1);
}, 60_000);

test('SIGHUP renews what can be renewed', async () => {
  const { child, says, ended } = await start('renews: true');
  await says('running');
  child.kill('SIGHUP');
  await says('read again');
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
}, 60_000);

test('SIGHUP ends no program that has nothing to renew, and it says so', async () => {
  const { child, says, ended } = await start('{}');
  await says('running');
  child.kill('SIGHUP');
  await says('SIGHUP changes nothing');
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
}, 60_000);

test('an error while running is a line of the log and exit code 1', async () => {
  const { says, ended } = await start('fails: true');
  await says('"why":"it cannot be"');
  expect(await ended).toBe(1);
}, 60_000);
