import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KubeConfig } from '@kubernetes/client-node';
import { messageOf } from '#lib/base/errors.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { KubeClient } from './client.ts';
import { KubeCredentials, loadKubeConfigFile } from './credentials.ts';
import type { CredentialSet } from './credentials.ts';
import { defineResource } from './objects.ts';
import { SimulatedClock } from './testing/simulated-clock.ts';

let folder: string;
const file = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallkeeper-credentials-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function configFile({ cluster = {}, user = {} }: Parts): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(file('kubeconfig'), JSON.stringify(config));
  return file('kubeconfig');
}

async function open(parts: Parts, clock = new SimulatedClock()): Promise<KubeCredentials> {
  return new KubeCredentials(await loadKubeConfigFile(await configFile(parts)), clock);
}

const shown = ({ tls, headers }: CredentialSet): object => ({
  ca: tls.ca?.toString(),
  cert: tls.cert?.toString(),
  key: tls.key?.toString(),
  servername: tls.servername,
  headers: Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
});

test('data of a kubeconfig serves as it is', async () => {
  const cluster = { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'kubernetes' };
  const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY'), token: 'T', as: 'somebody' };
  const set = await (await open({ cluster, user })).current();
  expect(shown(set)).toEqual({
    ca: 'CA',
    cert: 'CERT',
    key: 'KEY',
    servername: 'kubernetes',
    headers: { authorization: 'Bearer T', 'impersonate-user': 'somebody' },
  });
  expect(JSON.stringify([...set.headers])).not.toContain('Bearer');
});

test('name and password serve, and so does nothing at all', async () => {
  const basic = await (await open({ user: { username: 'u', password: 'p' } })).current();
  expect(shown(basic)).toMatchObject({ headers: { authorization: `Basic ${base64('u:p')}` } });
  expect(shown(await (await open({})).current())).toEqual({
    ca: undefined,
    cert: undefined,
    key: undefined,
    servername: undefined,
    headers: {},
  });
});

test('files are read again after a minute, and new bytes make a new fingerprint', async () => {
  for (const [name, text] of [
    ['ca', 'CA'],
    ['cert', 'CERT'],
    ['key', 'KEY'],
    ['token', 'T1\n'],
  ] as const)
    await writeFile(file(name), text);
  const clock = new SimulatedClock();
  // Relative names are meant from where the kubeconfig stands.
  const user = { 'client-certificate': 'cert', 'client-key': 'key', tokenFile: 'token' };
  const credentials = await open({ cluster: { 'certificate-authority': 'ca' }, user }, clock);
  const first = await credentials.current();
  expect(shown(first)).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY', servername: undefined, headers: { authorization: 'Bearer T1' } });
  await writeFile(file('token'), 'T2');
  await clock.advance(59_999);
  expect(await credentials.current()).toBe(first);
  await clock.advance(1);
  const second = await credentials.current();
  expect(shown(second)).toMatchObject({ headers: { authorization: 'Bearer T2' } });
  expect(second.tls.fingerprint).toBe(first.tls.fingerprint);
  await writeFile(file('ca'), 'CA2');
  await clock.advance(60_000);
  expect((await credentials.current()).tls.fingerprint).not.toBe(first.tls.fingerprint);
});

test('a file that cannot be read for a while leaves us what we had; from the start it is an error', async () => {
  await writeFile(file('token'), 'T1');
  const clock = new SimulatedClock();
  const credentials = await open({ user: { tokenFile: file('token') } }, clock);
  const first = await credentials.current();
  await rm(file('token'));
  await clock.advance(60_000);
  expect(await credentials.current()).toBe(first);
  await writeFile(file('token'), 'T2');
  expect(shown(await credentials.current())).toMatchObject({ headers: { authorization: 'Bearer T2' } });
  const missing = await open({ user: { tokenFile: file('missing') } });
  await expect(missing.current()).rejects.toMatchObject({ code: 'HK_KUBE_CREDENTIALS', retry: 'backoff' });
});

test('a refused token is read again at once, but not again and again', async () => {
  await writeFile(file('token'), 'T1');
  const clock = new SimulatedClock();
  const credentials = await open({ user: { tokenFile: file('token') } }, clock);
  await credentials.current();
  expect(credentials.refused()).toBe(false);
  await clock.advance(1_000);
  await writeFile(file('token'), 'T2');
  expect(credentials.refused()).toBe(true);
  expect(shown(await credentials.current())).toMatchObject({ headers: { authorization: 'Bearer T2' } });
  expect(credentials.refused()).toBe(false);
});

test('an exec plugin is asked through client-node, and what it says is not lost', async () => {
  const answer = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'from the plugin' } };
  await writeFile(file('plugin'), `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`);
  await writeFile(file('broken'), '#!/bin/sh\necho "log in first" >&2\necho "detail: xyz" >&2\nexit 1\n');
  for (const name of ['plugin', 'broken']) await chmod(file(name), 0o755);
  const exec = (command: string): object => ({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command: file(command), args: [] } });
  expect(shown(await (await open({ user: exec('plugin') })).current())).toMatchObject({
    headers: { authorization: 'Bearer from the plugin' },
  });
  const error: unknown = await (await open({ user: exec('broken') })).current().catch((thrown: unknown) => thrown);
  expect(String(error)).toContain('log in first');
  expect(String(error)).not.toContain('xyz');
});

test('a call without credentials says so, and which call it was', async () => {
  const config = await loadKubeConfigFile(await configFile({ user: { tokenFile: file('missing') } }));
  const client = KubeClient.fromKubeConfig(config, { clock: systemClock, random: seededRandom(1), log: silentLog, userAgent: 'test/1' });
  const things = defineResource({ apiVersion: 'v1', kind: 'Thing', plural: 'things', namespaced: true });
  const error: unknown = await client.list(things, {}, new AbortController().signal).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'HK_KUBE_CREDENTIALS', verb: 'list', resource: 'things' });
  expect(messageOf(error)).toContain('ENOENT');
  await client.close();
});

test('everything that we refuse is named at once', async () => {
  const cluster = { server: 'http://127.0.0.1:8080', 'insecure-skip-tls-verify': true, 'proxy-url': 'http://proxy:3128' };
  await expect(open({ cluster })).rejects.toThrow(
    'the server of cluster c must begin with https://; insecure-skip-tls-verify is set: give the certificate authority instead; proxy-url is not supported',
  );
  expect(() => new KubeCredentials(new KubeConfig(), new SimulatedClock())).toThrow('no current context');
  await writeFile(file('kubeconfig'), '{');
  await expect(loadKubeConfigFile(file('kubeconfig'))).rejects.toMatchObject({ code: 'HK_KUBE_CONFIG', retry: 'never' });
  await expect(loadKubeConfigFile(file('none'))).rejects.toMatchObject({ code: 'HK_KUBE_CONFIG' });
});
