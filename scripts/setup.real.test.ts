import { spawn } from 'node:child_process';
import { cp, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '#test/cluster/eventually.ts';
import { processesWith } from '#test/cluster/processes.ts';
import { controlPlaneProgram } from '#test/cluster/programs.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';

const scripts = dirname(fileURLToPath(import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A checkout that asks for one npm package, with a home of its own and the control plane that this machine has already. */
let folder: TemporaryFolder;
let checkout: string;
let path: string;

beforeAll(async () => {
  folder = await temporaryFolder('setup');
  checkout = join(folder.path, 'checkout');
  await mkdir(checkout);
  await cp(scripts, join(checkout, 'scripts'), { recursive: true });
  await mkdir(join(folder.path, 'node'));
  await symlink(process.execPath, join(folder.path, 'node', 'node'));
  path = `${join(folder.path, 'node')}:${process.env['PATH'] ?? ''}`;
  await writeTarball();
  await writeLock('1.0.0');
});
afterAll(() => folder.remove());

/** The one package of the checkout, from a file: npm needs no registry for it. */
async function writeTarball(): Promise<void> {
  const part = join(folder.path, 'part');
  await mkdir(part);
  await writeFile(join(part, 'package.json'), JSON.stringify({ name: 'part', version: '1.0.0' }));
  await runTool('npm', ['pack', part, '--pack-destination', checkout]);
}

/** Asks for the package, under a name of the project that makes every lock file another one. */
async function writeLock(version: string, part = '1.0.0'): Promise<void> {
  const tarball = `part-${part}.tgz`;
  const project = { name: 'project', version, dependencies: { part: `file:${tarball}` } };
  const packages = { '': project, 'node_modules/part': { version: part, resolved: `file:${tarball}` } };
  await writeFile(join(checkout, 'package.json'), JSON.stringify(project));
  await writeFile(
    join(checkout, 'package-lock.json'),
    JSON.stringify({ name: 'project', version, lockfileVersion: 3, requires: true, packages }),
  );
}

async function setup(args: readonly string[], env: Readonly<Record<string, string>> = {}, interrupt?: () => boolean): Promise<Ended> {
  const assets = dirname(controlPlaneProgram('etcd'));
  const child = spawn(join(checkout, 'scripts', 'setup'), args, {
    env: { ...process.env, HOME: folder.path, KUBEBUILDER_ASSETS: assets, PATH: path, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  if (interrupt !== undefined) {
    await eventually('the moment to interrupt has come', interrupt, { maxMs: 60_000 });
    child.kill('SIGINT');
  }
  return { code: await closed, out, err };
}

test('help goes to standard output and names the exit codes', async () => {
  const { code, out } = await setup(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('exit codes: 0');
});

test('an unknown argument is refused with how to get help', async () => {
  const { code, err } = await setup(['--chek']);
  expect(code).toBe(2);
  expect(err).toBe("scripts/setup: unknown argument: --chek\nSee 'scripts/setup --help'.\n");
});

test('looking only, it names what is missing and installs nothing', async () => {
  const { code, err, out } = await setup(['--check', '--json']);
  expect(code).toBe(1);
  expect(err).toContain('still missing: the npm packages of package-lock.json');
  expect(JSON.parse(out)).toMatchObject({ ok: false, missing: ['the npm packages of package-lock.json'] });
});

test('a program that does not run is missing, and no reason for a stack', async () => {
  const broken = join(folder.path, 'broken');
  await mkdir(broken);
  for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']) {
    await writeFile(join(broken, name), '#!/bin/sh\necho cannot >&2\nexit 127\n', { mode: 0o755 });
  }
  const { code, err } = await setup(['--check'], { KUBEBUILDER_ASSETS: join(folder.path, 'none'), PATH: `${broken}:${path}` });
  expect(code).toBe(1);
  expect(err).toMatch(/^Set-up: still missing: [^\n]*the local Kubernetes control plane[^\n]*\n$/);
});

test('interrupted, it ends what it runs, says how to go on, and leaves the lock free', async () => {
  const slow = join(folder.path, 'slow');
  await mkdir(slow);
  await writeFile(join(slow, 'npm'), '#!/bin/sh\nexec sleep 604\n', { mode: 0o755 });
  const { code, err } = await setup([], { PATH: `${slow}:${path}` }, () => processesWith('sleep 604').length > 0);
  expect(code).toBe(130);
  expect(err).toMatch(/stopped while installing npm packages .*; run it again to go on\n$/);
  expect(processesWith('sleep 604')).toEqual([]);
  expect(processesWith(join(folder.path, '.cache', 'hallkeeper', 'setup.lock'))).toEqual([]);
});

test('two at once do the work once, and a third has nothing to do', async () => {
  const both = await Promise.all([setup([]), setup([])]);
  expect(both.map(({ code, err }) => [code, code === 0 ? '' : err])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  const log = await readFile(join(checkout, '.hallkeeper', 'setup.log'), 'utf8');
  expect(log.match(/^# installing npm packages/gm)).toHaveLength(1);
  const third = await setup(['--json']);
  expect(third.err).toContain('everything is there');
  expect(JSON.parse(third.out)).toMatchObject({ ok: true, missing: [] });
});

test('packages installed by hand as the lock file asks are accepted as they are', async () => {
  await rm(join(checkout, '.hallkeeper', 'installed'));
  await rm(join(checkout, '.hallkeeper', 'setup.log'));
  expect((await setup([])).code).toBe(0);
  expect(await readdir(join(checkout, '.hallkeeper'))).toEqual(['installed']);
});

test('a lock file that npm cannot follow is an error that quotes npm', async () => {
  await writeLock('2.0.0', '2.0.0');
  const { code, err } = await setup([]);
  expect(code).toBe(1);
  expect(err).toMatch(/failed: .*npm ci .* ended with exit code [0-9]+\. Its last lines [^]*npm error/);
  await writeLock('1.0.0');
});

test('without any Node there is one sentence that says what to install', async () => {
  const bin = join(folder.path, 'bin');
  await mkdir(bin);
  for (const name of ['sh', 'dirname']) await symlink(`/usr/bin/${name}`, join(bin, name));
  const { code, err } = await setup([], { PATH: bin });
  expect(code).toBe(1);
  expect(err).toContain('Node.js is missing; install Node.js 20 or newer with npm');
});
