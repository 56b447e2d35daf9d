import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { boardsWithoutData } from '../grafana-dashboards/boards.ts';
import { failoverPhases } from '#agents/member/contract.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { processesWith } from '#test/cluster/processes.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { fieldManager } from './kubernetes.ts';
import { hallName, namespace, terminalCount } from './names.ts';
import { halls, secrets, terminals } from './resources.ts';
import type { DemoResult } from './result.ts';
import { openScreen } from './screen.ts';
import { onlineTerminals, startHall, untilSync } from './start.ts';
import { Steps } from './steps.ts';
import { tellStory } from './story.ts';

const main = join(import.meta.dirname, 'main.ts');
const runMaxMs = 400_000;
const patience = { maxMs: 240_000 };

/** A demo as a process, whose every file lies in a folder of ours. */
interface Run {
  readonly child: ChildProcess;
  readonly folder: TemporaryFolder;
  /** Everything it printed. */
  readonly said: () => string;
  readonly code: Promise<number | null>;
}

const runs: Run[] = [];

afterEach(async () => {
  for (const { child, folder, code } of runs.splice(0)) {
    child.kill('SIGINT');
    await code;
    await folder.remove();
  }
});

async function runDemo(...args: readonly string[]): Promise<Run> {
  const folder = await temporaryFolder('demo-test');
  let text = '';
  const child = spawn(process.execPath, [main, ...args.map((arg) => arg.replace('FOLDER', folder.path))], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder.path },
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = once(child, 'exit').then(([exitCode]) => exitCode as number | null);
  const run = { child, folder, said: () => text, code };
  runs.push(run);
  return run;
}

function untilSaid({ said, child }: Run, words: string): Promise<unknown> {
  const check = (): boolean => {
    if (said().includes(words)) return true;
    if (child.exitCode === null) return false;
    throw new Error(`it ended before it said "${words}":\n${said()}`);
  };
  return eventually(`the demo says "${words}"`, check, patience);
}

/** Processes that name the folder or work in it, network interfaces with the run's address, and files. */
async function leftBehind({ folder, said }: Run): Promise<readonly string[]> {
  const named = processesWith(folder.path).map((pid) => `process ${pid}`);
  const inside = readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid) && workingFolder(pid).startsWith(folder.path));
  const range = /namespace, (10\.[0-9]+\.[0-9]+)\./.exec(said())?.[1];
  const routes = range === undefined ? [] : routesTo(range, await readFile('/proc/net/route', 'utf8'));
  return [...named, ...inside.map((pid) => `process ${pid}`), ...routes, ...(await readdir(folder.path))];
}

/** The kernel writes addresses as hexadecimal numbers of the machine's byte order. */
function routesTo(range: string, table: string): readonly string[] {
  const bytes = [...range.split('.').map(Number), 0].toReversed();
  const word = bytes.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('');
  return table.split('\n').filter((line) => line.split('\t')[1] === word);
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

test(
  'a run kills the primary, loses nothing, writes what it measured and leaves nothing behind',
  async () => {
    const run = await runDemo('--once', '--json', 'FOLDER/result.json');
    expect({ code: await run.code, said: run.said() }).toMatchObject({ code: 0 });
    const result = JSON.parse(await readFile(join(run.folder.path, 'result.json'), 'utf8')) as DemoResult;
    expect(result).toEqual({
      ok: true,
      failover: {
        writeOutageSeconds: expect.any(Number) as number,
        dnsSeconds: expect.any(Number) as number,
        acknowledged: expect.any(Number) as number,
        lost: 0,
        phases: Object.fromEntries(failoverPhases.map((phase) => [phase, expect.any(Number) as number])),
        rejoinedSeconds: expect.any(Number) as number,
      },
      terminals: { total: terminalCount, online: terminalCount, reconnectedSeconds: expect.any(Number) as number },
      prometheus: { targetsUp: 6, series: expect.any(Number) as number },
      page: { deliveredSeconds: expect.any(Number) as number, receivers: ['email', 'telegram'] },
    });
    expect(result.failover.acknowledged).toBeGreaterThan(100);
    expect(run.said()).toContain('b took over from a');
    expect(run.said()).toContain(`Subject: [1 firing] ${hallName}: The lead of a pair was taken over.`);
    expect(run.said()).toContain('a is back and has rejoined');
    expect(await leftBehind(run)).toEqual(['result.json']);
  },
  runMaxMs,
);

for (const { when, words } of [
  { when: 'while the servers start', words: 'DNS server (BIND)' },
  { when: 'while PostgreSQL is made and copied', words: '40 Terminals' },
  { when: 'while the pair fails over', words: 'is killed' },
]) {
  test(
    `Ctrl-C ${when} leaves nothing behind`,
    async () => {
      const run = await runDemo('--json', 'FOLDER/result.json');
      await untilSaid(run, words);
      run.child.kill('SIGINT');
      expect({ code: await run.code, said: run.said() }).toMatchObject({ code: 130 });
      expect(JSON.parse(await readFile(join(run.folder.path, 'result.json'), 'utf8'))).toEqual({ ok: false, why: 'interrupted' });
      expect(await leftBehind(run)).toEqual(['result.json']);
    },
    runMaxMs,
  );
}

test(
  'the API server dies and comes back: hall, writer and terminals go on, the operator by itself too, and then the pair fails over',
  async () => {
    await using stack = new AsyncDisposableStack();
    const { signal } = new AbortController();
    const screen = stack.use(openScreen({ write: () => undefined }));
    const steps = stack.use(new Steps(screen, signal));
    const hall = await startHall(stack, steps, signal);
    const { cluster, operator, writer, fleet, prometheus } = hall;
    const { apiserver } = cluster.controlPlane;

    await apiserver.kill();
    const before = writer.acknowledged;
    await eventually('the operator has lost its lease and ended itself', () => operator.endings > 0, patience);
    await eventually('the pair serves without the API server', () => writer.acknowledged > before + 500, patience);
    await eventually('all terminals are online', async () => (await fleet.status()).online === terminalCount, patience);
    await apiserver.start();

    const added = {
      metadata: { namespace, name: 't-new' },
      spec: { hallRef: { name: hallName }, model: 'Novaline Mk3', serialNumber: 'NL3-9' },
    };
    await cluster.admin.apply(terminals, added, { fieldManager, force: false }, signal);
    const enrolled = { namespace, name: 'hallkeeper-terminal-t-new' };
    await eventually('the operator enrols a new terminal', () => cluster.admin.find(secrets, enrolled, signal), patience);
    await cluster.admin.delete(terminals, { namespace, name: 't-new' }, {}, signal);
    await untilSync(cluster.admin, { ...patience, signal });
    await eventually('the removed terminal is gone', async () => (await onlineTerminals(prometheus)) === terminalCount, patience);

    const result = await tellStory(hall, screen, signal);
    expect(result.failover.lost).toBe(0);
    expect(result.terminals.online).toBe(terminalCount);
    const { status } = await cluster.admin.get(halls, { namespace, name: hallName }, signal);
    expect(status?.primary).toBe('b');
    // The member that has just rejoined is still to be scraped.
    const whole = async (): Promise<boolean> => (await boardsWithoutData(prometheus.url)).length === 0;
    await eventually('every panel has data', whole, patience).catch(() => undefined);
    expect(await boardsWithoutData(prometheus.url)).toEqual([]);
  },
  runMaxMs,
);
