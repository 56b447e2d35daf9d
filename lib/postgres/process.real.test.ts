import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openInstance } from './open-instance.ts';
import { processesOf } from './process-table.ts';
import type { RealPair } from './testing/real-pair.ts';
import { realPair, runDoomedAgent, soon, startFirst, testPorts } from './testing/real-pair.ts';

const run = promisify(execFile);

// One story in order: a server outlives its agent, is found again, is killed whole, and starts again.
describe('the server process', () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await realPair();
    await startFirst(pair);
    await pair.a.stop(soon());
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  test('a stopped server is absent and its exit is told to who started it', async () => {
    expect(await pair.a.serverState(5_000)).toBe('absent');
    const server = await pair.a.start({ as: 'primary', gate: 'none' }, soon());
    await pair.a.waitReady(soon());
    expect(server.reattached).toBe(false);
    await pair.a.stop(soon());
    expect(await server.exited).toMatchObject({ pid: server.pid, exitCode: 0 });
  });

  test('a server outlives SIGKILL of the process that started it, and another agent finds it', async () => {
    const pid = Number(await runDoomedAgent(pair, 'a', 'start'));
    const second = pair.again('a');
    const found = await second.reattach(soon());
    expect(found).toMatchObject({ pid, reattached: true });
    await second.waitReady(soon());
    const line = second.openLine('test');
    expect((await second.status(line, soon())).inRecovery).toBe(false);
    expect(await second.configured()).toEqual({ gate: 'none', follow: false, clients: 'open' });
    await expect(second.start({ as: 'primary', gate: 'none' }, soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_RUNNING' });
    process.kill(pid, 'SIGKILL');
    expect(await found?.exited).toMatchObject({ pid, exitCode: undefined });
  });

  test('killing everything leaves no process, removes nothing, and the next start works', async () => {
    await pair.a.killAll(soon());
    await pair.a.start({ as: 'primary', gate: 'none' }, soon());
    await pair.a.waitReady(soon());
    const line = pair.a.openLine('test');
    await line.query('SELECT 1', [], soon());
    const data = pair.settingsOf('a').dataDirectory;
    expect((await processesOf(data)).length).toBeGreaterThan(3);
    await pair.a.killAll(soon());
    expect(await processesOf(data)).toEqual([]);
    await access(join(data, 'postmaster.pid'));
    await pair.a.start({ as: 'primary', gate: 'closed' }, soon());
    await pair.a.waitReady(soon());
    expect(await pair.a.commitLocal(line, soon())).toBeGreaterThan(0n);
    await pair.a.killAll(soon());
  });

  test('a shutdown that somebody else asks for shows while a session of ours keeps it from ending', async () => {
    await pair.a.start({ as: 'primary', gate: 'none' }, soon());
    await pair.a.waitReady(soon());
    const line = pair.a.openLine('test');
    await line.query('SELECT 1', [], soon());
    expect(await pair.a.isStopping()).toBe(false);
    const file = join(pair.settingsOf('a').dataDirectory, 'postmaster.pid');
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(file, longAgo, longAgo);
    // Read once more, and not again from then on.
    for (let asked = 0; asked < 3; asked += 1) expect(await pair.a.isStopping()).toBe(false);
    const pid = Number((await readFile(file, 'utf8')).split('\n')[0]);
    process.kill(pid, 'SIGTERM');
    await vi.waitUntil(() => pair.a.isStopping(), { timeout: 20_000 });
    expect(await line.query('SELECT 1', [], soon())).toMatchObject({ rows: [{}] });
    await pair.a.killAll(soon());
    expect(await pair.a.isStopping()).toBe(false);
  });

  test('a server is seen, and killed, behind a symbolic link in the path of its data too', async () => {
    const { dataDirectory, stateDirectory, ...settings } = pair.settingsOf('a');
    const link = join(pair.folder.path, 'link');
    await symlink(join(pair.folder.path, 'a'), link);
    const linked = openInstance({ ...settings, dataDirectory: join(link, 'data'), stateDirectory: join(link, 'state') }, testPorts);
    const { pid } = await linked.start({ as: 'primary', gate: 'none' }, soon());
    await linked.waitReady(soon());
    expect(await linked.reattach(soon())).toMatchObject({ pid });
    await expect(linked.start({ as: 'primary', gate: 'none' }, soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_RUNNING' });
    await linked.killAll(soon());
    expect(await processesOf(dataDirectory)).toEqual([]);
    await linked.close();
    expect(() =>
      openInstance({ ...settings, dataDirectory: join(stateDirectory, 'x'), stateDirectory: join(link, 'state') }, testPorts),
    ).toThrow('must not be in the state directory');
  });

  test('a postmaster that died alone, or stands still, leaves nothing that stops the next start', async () => {
    for (const name of ['SIGKILL', 'SIGSTOP'] as const) {
      const { pid } = await pair.a.start({ as: 'primary', gate: 'none' }, soon());
      await pair.a.waitReady(soon());
      process.kill(pid, name);
      if (name === 'SIGSTOP') expect(await pair.a.serverState(200)).toBe('unanswered');
      await pair.a.killAll(soon());
      expect(await pair.a.serverState(5_000)).toBe('absent');
    }
    await pair.a.start({ as: 'primary', gate: 'closed' }, soon());
    await pair.a.waitReady(soon());
    await pair.a.killAll(soon());
  });

  test('an initialisation that is broken off leaves no data directory, and the next one works', async () => {
    const { b } = pair;
    const breakOff = new AbortController();
    const begun = b.initialise(breakOff.signal).catch((error: unknown) => error);
    const home = join(pair.folder.path, 'b');
    await expect.poll(() => readdir(home), { timeout: 60_000, interval: 5 }).toContainEqual(expect.stringContaining('unfinished'));
    breakOff.abort(new Error('broken off'));
    expect(await begun).toMatchObject({ message: 'broken off' });
    expect(await b.inspectData(soon())).toEqual({ holds: 'nothing' });
    await b.initialise(soon());
    expect(await b.inspectData(soon())).toMatchObject({
      holds: 'cluster',
      control: { timeline: 1, dataChecksums: true, state: 'shutDown' },
    });
    await expect(b.initialise(soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_DATA' });
    expect((await readdir(home)).toSorted()).toEqual(['data', 'state']);
  });

  test('a pid file whose number belongs to a stranger neither fools us nor stops the start', async () => {
    const stranger = spawn('sleep', ['600']);
    try {
      const data = pair.settingsOf('a').dataDirectory;
      const path = join(data, 'postmaster.pid');
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.replace(/^\d+/, String(stranger.pid)));
      expect(await pair.a.reattach(soon())).toBeUndefined();
      await pair.a.killAll(soon());
      expect(stranger.exitCode).toBeNull();
      await pair.a.start({ as: 'primary', gate: 'none' }, soon());
      await pair.a.waitReady(soon());
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('a server that cannot start tells why, with the tail of its log', async () => {
    await pair.a.stop(soon());
    const port = pair.settingsOf('a').self.port;
    const { createServer } = await import('node:net');
    const taker = createServer().listen(port, '127.0.0.1');
    await once(taker, 'listening');
    try {
      await pair.a.start({ as: 'primary', gate: 'none' }, soon());
      await expect(pair.a.waitReady(soon())).rejects.toMatchObject({
        code: 'HK_POSTGRES_NOT_STARTED',
        message: expect.stringContaining('Address already in use') as string,
      });
    } finally {
      taker.close();
    }
  });

  test('only one agent at a time has the lock, and SIGKILL of its holder frees it', async () => {
    const lock = join(pair.settingsOf('a').stateDirectory, 'lock');
    const code = `import { takeLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
      await takeLock(${JSON.stringify(lock)}, new AbortController().signal); console.log('held'); setInterval(() => undefined, 1_000);`;
    const holder = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data', { signal: soon() });
    await expect(pair.a.lock(soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_LOCKED' });
    holder.kill('SIGKILL');
    await once(holder, 'exit', { signal: soon() });
    await pair.a.lock(soon());
    await expect(pair.again('a').lock(soon())).rejects.toMatchObject({ code: 'HK_POSTGRES_LOCKED' });
  });

  test('the lock holds in other namespaces too, and PostgreSQL does not inherit it', async () => {
    await pair.a.start({ as: 'primary', gate: 'none' }, soon());
    await pair.a.waitReady(soon());
    const lock = join(pair.settingsOf('a').stateDirectory, 'lock');
    // Only root may make namespaces everywhere; for others a session of its own is the farthest away there is.
    const [program, ...away] = process.getuid?.() === 0 ? ['unshare', '--net', '--pid', '--fork'] : ['setsid', '--wait'];
    const tryLock = (): Promise<unknown> => run(program ?? '', [...away, 'flock', '--nonblock', lock, 'true']);
    await expect(tryLock()).rejects.toMatchObject({ code: 1 });
    await pair.a.close();
    await tryLock();
  });
});
