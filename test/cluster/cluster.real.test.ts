import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAlertmanager } from './alertmanager.ts';
import { startBind } from './bind.ts';
import { startKnot } from './knot.ts';
import type { NameServer } from './name-server.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { plainNetwork, startNetwork } from './network.ts';
import type { Network } from './network.ts';
import { processesWith } from './processes.ts';
import { controlPlaneProgram, systemProgram } from './programs.ts';
import { startPrometheus } from './prometheus.ts';
import { runTool } from './run-tool.ts';
import { temporaryFolder } from './temporary.ts';

let network: Network;
beforeAll(async () => (network = await startNetwork()));
afterAll(() => network.stop());

describe('network', () => {
  test('as root it is isolated; without root it says why not', () => {
    expect(network.isolated).toBe(process.getuid?.() === 0);
    expect(network.why === '').toBe(network.isolated);
  });

  test('an address is added once, however often it is asked for', async () => {
    const [first, second] = await Promise.all([network.address(9), network.address(9)]);
    expect(first).toBe(second);
  });

  test('two networks at once have different ranges', async () => {
    await using other = await startNetwork();
    expect(other.range === network.range).toBe(!network.isolated);
  });

  test('a stopped network leaves no interface and no process', async () => {
    const other = await startNetwork();
    const address = await other.address(5);
    await other.stop();
    const interfaces = await runTool(systemProgram('ip'), ['-json', 'address', 'show']);
    if (other.isolated) expect(interfaces).not.toContain(other.hostAddress);
    expect(processesWith(address)).toEqual(other.isolated ? [] : processesWith('127.0.0.1'));
  });
});

describe('control plane', () => {
  let plane: ControlPlane;
  const operator = 'system:serviceaccount:halls:hallkeeper-operator';
  const kubectl = async (user: string, ...args: readonly string[]): Promise<string> =>
    runTool(controlPlaneProgram('kubectl'), ['--kubeconfig', await plane.kubeconfigFile(user), ...args]);

  beforeAll(async () => {
    plane = await startControlPlane({
      network,
      controllerManager: true,
      users: [{ name: operator }, { name: 'viewer', groups: ['people'] }],
    });
  });
  afterAll(() => plane.stop());

  test('the administrator may do everything, another user what RBAC gives', async () => {
    await kubectl('admin', 'create', 'namespace', 'halls');
    await expect(kubectl('viewer', 'get', 'namespaces')).rejects.toThrow('User "viewer" cannot list');
    await kubectl('admin', 'create', 'clusterrolebinding', 'people-view', '--clusterrole=cluster-admin', '--group=people');
    // A binding acts some milliseconds after it was stored.
    expect(await eventually('people may read', () => kubectl('viewer', 'get', 'namespaces'), { maxMs: 20_000 })).toContain('halls');
  });

  test('a user may be a ServiceAccount', async () => {
    await kubectl('admin', 'create', 'clusterrolebinding', 'operator', '--clusterrole=view', '--serviceaccount=halls:hallkeeper-operator');
    const seen = await eventually('the operator may read', () => kubectl(operator, 'get', 'configmaps', '-n', 'halls'), { maxMs: 20_000 });
    expect(seen).toContain('kube-root-ca.crt');
  });

  test('killed and started again, the apiserver has the same objects, address and tokens', async () => {
    await kubectl('admin', 'create', 'configmap', 'kept', '--from-literal=a=b');
    const before = plane.apiserver.pid;
    await plane.apiserver.kill();
    expect(plane.apiserver.running).toBe(false);
    await expect(kubectl('admin', 'get', 'configmap', 'kept')).rejects.toThrow('was refused');
    await plane.apiserver.start();
    expect(plane.apiserver.pid).not.toBe(before);
    expect(await kubectl('admin', 'get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}')).toBe('b');
  });

  test('objects whose owner is gone are collected', async () => {
    const uid = await kubectl('admin', 'get', 'configmap', 'kept', '-o', 'jsonpath={.metadata.uid}');
    const owned = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'owned', ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'kept', uid }] },
    };
    const file = join(plane.directory, 'owned.json');
    await writeFile(file, JSON.stringify(owned));
    await kubectl('admin', 'create', '-f', file);
    await kubectl('admin', 'delete', 'configmap', 'kept');
    await kubectl('admin', 'wait', '--for=delete', 'configmap/owned', '--timeout=60s');
  });

  test('a stopped control plane leaves no process and no folder', async () => {
    const other = await startControlPlane({ network });
    expect(processesWith(other.directory).length).toBeGreaterThan(0);
    await other.stop();
    expect(processesWith(other.directory)).toEqual([]);
    expect(existsSync(other.directory)).toBe(false);
  });
});

describe.each([
  ['BIND', startBind],
  ['Knot', startKnot],
] as const)('%s', (_name, start) => {
  let server: NameServer;
  beforeAll(async () => (server = await start({ network, keyNames: ['first', 'second'] })));
  afterAll(() => server?.stop());

  const update = async (key: { name: string; secret: string }, line: string): Promise<string> => {
    const script = `server ${server.address} ${server.port}\nzone ${server.zone}\nkey hmac-sha256:${key.name} ${key.secret}\n${line}\nsend\n`;
    await using folder = await temporaryFolder('nsupdate');
    const file = join(folder.path, 'update');
    await writeFile(file, script, { mode: 0o600 });
    return await runTool(systemProgram('nsupdate'), [file]);
  };

  test('a key of the server may update, over UDP and answered at once', async () => {
    await update(server.key, `update add pair.${server.zone} 2 A 192.0.2.7`);
    expect(await server.addressesOf('pair')).toEqual(['192.0.2.7']);
    expect(await server.addressesOf(`absent.${server.zone}`)).toEqual([]);
  });

  test('a wrong secret, and a key that it does not know, are refused', async () => {
    const wrong = { name: server.key.name, secret: Buffer.alloc(32).toString('base64') };
    await expect(update(wrong, `update add pair.${server.zone} 2 A 192.0.2.8`)).rejects.toThrow(/BADSIG|tsig/i);
    await expect(update({ ...server.key, name: 'third' }, `update add pair.${server.zone} 2 A 192.0.2.8`)).rejects.toThrow(/BADKEY|tsig/i);
    expect(await server.addressesOf('pair')).toEqual(['192.0.2.7']);
  });

  test('killed and started again it has the same records', async () => {
    await server.kill();
    expect(server.running).toBe(false);
    await expect(server.addressesOf('pair')).rejects.toThrow('ECONNREFUSED');
    await server.start();
    expect(await server.addressesOf('pair')).toEqual(['192.0.2.7']);
  });
});

describe('Prometheus and Alertmanager', () => {
  const receiver = { route: { receiver: 'nobody' }, receivers: [{ name: 'nobody' }] };

  test('a rule fires and its alert arrives, also after a reload', async () => {
    await using alertmanager = await startAlertmanager({ config: receiver, network });
    const rule = (alert: string) => ({ groups: [{ name: 'test', interval: '100ms', rules: [{ alert, expr: 'vector(1)' }] }] });
    const alerting = { alertmanagers: [{ static_configs: [{ targets: [`${alertmanager.address}:${alertmanager.port}`] }] }] };
    const config = { global: { evaluation_interval: '100ms' }, alerting };
    await using prometheus = await startPrometheus({ config, rules: { first: rule('First') }, network });
    expect(await prometheus.query('vector(41) + 1')).toEqual([{ labels: {}, value: 42 }]);
    const holds = (name: string) => async () => (await alertmanager.alerts()).some(({ labels }) => labels['alertname'] === name);
    await eventually('Alertmanager holds the first alert', holds('First'), { maxMs: 60_000 });
    await prometheus.reload({ config, rules: { second: rule('Second') } });
    await eventually('Alertmanager holds the second alert', holds('Second'), { maxMs: 60_000 });
  });

  test('bad settings are refused with the words of the server', async () => {
    await expect(startPrometheus({ config: { nonsense: 1 }, network })).rejects.toThrow('field nonsense not found');
    await using prometheus = await startPrometheus({ config: {}, network: plainNetwork() });
    const broken = { groups: [{ name: 'x', rules: [{ alert: 'A', expr: 'sum(' }] }] };
    await expect(prometheus.reload({ config: {}, rules: { broken } })).rejects.toThrow(/parse error|unexpected end/);
    await using alertmanager = await startAlertmanager({ config: receiver, network });
    await expect(alertmanager.reload({ ...receiver, route: { receiver: 'absent' } })).rejects.toThrow('undefined receiver');
  });
});

test('nothing of this run stays behind', async () => {
  const folder = await temporaryFolder('gone');
  await writeFile(join(folder.path, 'file'), 'x');
  expect(await readFile(join(folder.path, 'file'), 'utf8')).toBe('x');
  await folder.remove();
  expect(existsSync(folder.path)).toBe(false);
});
