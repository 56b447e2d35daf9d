import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseBundle } from '#agents/member/contract.ts';
import { repositoryRoot, startApiServer } from '../api/api-server.ts';
import type { ApiServer } from '../api/api-server.ts';
import { startChild } from '../cluster/child.ts';
import type { Child } from '../cluster/child.ts';
import { eventually } from '../cluster/eventually.ts';
import { kubeconfigFor } from '../cluster/kubeconfig.ts';
import { plainNetwork } from '../cluster/network.ts';
import { freePort } from '../cluster/ports.ts';
import { runTool } from '../cluster/run-tool.ts';
import { temporaryFolder } from '../cluster/temporary.ts';
import { aPair } from '../api/builders.ts';

/** The operator and hallctl as people start them: processes with files, the operator under its own identity. */
let server: ApiServer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let operator: Child | undefined;
const system = 'hallkeeper-system';
const patience = { maxMs: 120_000, everyMs: 200 };
const operatorMain = join(repositoryRoot, 'operator', 'main.ts');
const hallctlMain = join(repositoryRoot, 'cli', 'main.ts');

beforeAll(async () => {
  server = await startApiServer();
  folder = await temporaryFolder('operator-programs');
  await mkdir(folder.path, { recursive: true });
  await server.kubectl('apply', '--namespace', system, '--server-side', '-f', join(repositoryRoot, 'operator', 'rbac.yaml'));
}, 240_000);

afterAll(async () => {
  await operator?.stop();
  await folder?.remove();
  await server?.[Symbol.asyncDispose]();
});

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** Runs a program of ours to its end. */
async function run(
  main: string,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  try {
    return { code: 0, out: await runTool(process.execPath, [main, ...args], {}), err: '' };
  } catch (error) {
    const { code, stdout, stderr } = (
      error as { readonly cause: { readonly code: number; readonly stdout: string; readonly stderr: string } }
    ).cause;
    return { code, out: stdout, err: stderr };
  }
}

test('settings are checked without starting anything, and refused with every problem', async () => {
  const good = await fileOf('good.yaml', 'namespaces: [hall-7]\n');
  expect(await run(operatorMain, '--config', good, '--check-config')).toMatchObject({ code: 0, out: 'the settings are good\n' });
  const bad = await run(operatorMain, '--config', await fileOf('bad.yaml', 'colour: red\nhttp: {port: -1}\n'), '--check-config');
  expect(bad.code).toBe(1);
  expect(bad.err).toMatch(/http\.port must be .*; colour is not a known setting/);
  const broken = await run(operatorMain, '--config', await fileOf('broken.yaml', 'a: [1\n'), '--check-config');
  expect(broken.code).toBe(1);
  expect(await run(operatorMain)).toMatchObject({ code: 2 });
  expect((await run(operatorMain, '--help')).out).toContain('usage: hallkeeper-operator');
});

test('an operator process prepares a pair, and hallctl enrols its members', async () => {
  const { controlPlane } = server;
  const token = (await server.kubectl('create', 'token', 'hallkeeper-operator', '--namespace', system, '--duration=2h')).trim();
  const own = kubeconfigFor({ url: controlPlane.url, ca: controlPlane.ca, user: 'operator', token });
  const kubeconfig = await fileOf('operator-kubeconfig.json', JSON.stringify(own));
  const port = await freePort();
  const settings = { kubeconfig, namespaces: ['hall-7'], http: { port } };
  const config = await fileOf('operator.yaml', JSON.stringify(settings));
  operator = await startChild({
    name: 'operator',
    command: process.execPath,
    args: [operatorMain, '--config', config],
    directory: folder.path,
    network: plainNetwork(),
    ready: async (signal) => (await fetch(`http://127.0.0.1:${port}/-/ready`, { signal })).ok,
    readyMaxMs: 120_000,
  });
  const admin = await controlPlane.kubeconfigFile();
  const enrol = (...args: readonly string[]) => run(hallctlMain, 'pair', 'enrol', ...args, '-n', 'hall-7', '--kubeconfig', admin);
  expect(await enrol('pair-7', 'a')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('there is no FailoverPair pair-7 in namespace hall-7') as string,
  });

  expect((await server.create(aPair())).code).toBe(201);
  const bundle = join(folder.path, 'a.json');
  const said = await eventually(
    'the member is enrolled',
    async () => {
      const answer = await enrol('pair-7', 'a', '--out', bundle, '--json');
      return answer.code === 0 ? answer.out : undefined;
    },
    patience,
  );
  expect(JSON.parse(said)).toMatchObject({ ok: true, pair: 'pair-7', member: 'a', namespace: 'hall-7', bundle });
  expect((await stat(bundle)).mode & 0o777).toBe(0o600);
  const parsed = parseBundle(JSON.parse(await readFile(bundle, 'utf8')));
  expect(parsed).toMatchObject({ server: controlPlane.url, namespace: 'hall-7', pair: 'pair-7', member: 'a' });
  expect(said).not.toContain(parsed.token.reveal());
  for (const flags of [[], ['--json']]) expect(parseBundle(JSON.parse((await enrol('pair-7', 'b', ...flags)).out)).member).toBe('b');
  // A folder stands where the file should: nothing is left beside it, and the report says why.
  const before = await readdir(folder.path);
  const failed = await enrol('pair-7', 'b', '--out', folder.path, '--json');
  expect([failed.code, JSON.parse(failed.out)]).toEqual([1, { ok: false, problems: [expect.stringContaining(folder.path)] }]);
  expect([await readdir(folder.path), (await readdir(join(folder.path, '..'))).filter((name) => name.endsWith('.part'))]).toEqual([
    before,
    [],
  ]);
  expect(await enrol('pair-7', 'c')).toMatchObject({
    code: 1,
    err: expect.stringContaining('pair-7 has the members a and b, not c') as string,
  });
  expect(await enrol('pair-7')).toMatchObject({ code: 2 });
  expect(await run(hallctlMain, 'pair', 'adopt')).toMatchObject({ code: 2 });
  expect((await run(hallctlMain, 'pair', 'enrol', '--help')).out).toContain('usage: hallctl pair enrol PAIR MEMBER');

  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toContain('leader_election_master_status{name="hallkeeper-operator"} 1');
  expect(metrics).toMatch(/controller_runtime_reconcile_total\{controller="pair",result="requeue_after"\} [1-9]/);
  await operator.stop();
  operator = undefined;
}, 240_000);
