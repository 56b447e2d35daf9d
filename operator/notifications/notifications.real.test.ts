import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall, HallNotify } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { aHall, aPair, aTerminal } from '#test/api/builders.ts';
import { namespace } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { systemProgram } from '#test/cluster/programs.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { claimLabel } from '../labels.ts';
import { configMaps, failoverPairs, halls, secrets, terminals } from '../resources.ts';
import type { KubeSecret } from '../resources.ts';
import { rooms } from '../rooms.ts';
import { decodeData, encodeData } from '../secret-data.ts';
import { exampleToken } from '../notify/testing/examples.ts';
import type { AlertmanagerConfig } from '../notify/alertmanager-config.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { settingsOf } from '../testing/served-hall.ts';

let cluster: OperatorCluster;
let operator: RunningOperator;
const signal = anySignal();
const target = { namespace: 'hallkeeper-system', name: 'alertmanager' };
const smtp = {
  smarthost: 'mail.example.com:587',
  from: 'h@example.com',
  username: 'u',
  passwordSecretRef: { name: 'mail', key: 'password' },
};
const settings = { notify: { secret: { name: target.name }, smtp, platform: { email: ['platform@example.com'] } } };

beforeAll(async () => {
  cluster = await startOperatorCluster(rooms);
  const password = { metadata: { ...target, name: 'mail' }, data: encodeData({ password: 'hush-mail' }) };
  await cluster.admin.create(secrets, password, signal);
  operator = await cluster.operator({ settings });
}, 240_000);

afterAll(async () => {
  await operator?.stop();
  await cluster?.[Symbol.asyncDispose]();
}, 60_000);

const routed = (hall: Hall): Condition | undefined =>
  findCondition(hall.status?.conditions as readonly Condition[] | undefined, 'NotificationsRouted');
const textOf = (secret: KubeSecret): string => decodeData(secret)['alertmanager.yaml'] ?? '';
const receiversOf = (secret: KubeSecret): readonly string[] =>
  (load(textOf(secret)) as AlertmanagerConfig).receivers.map(({ name }) => name);
const key = (name: string) => ({ namespace, name });
const mail: HallNotify = { name: 'managers', email: { to: ['anna@example.com'] } };
const telegram: HallNotify = { name: 'on-call', telegram: { chatID: -7, botTokenSecretRef: { name: 'bot', key: 'token' } } };

let lastAddress = 10;
async function createHall(name: string, notify: readonly HallNotify[]): Promise<void> {
  const members = ['a', 'b'].map((member) => ({ name: member, host: { address: `192.0.2.${(lastAddress += 1)}` } }));
  await cluster.admin.create(failoverPairs, aPair({ name, namespace, spec: { members } }) as FailoverPair, signal);
  await cluster.admin.create(halls, aHall({ name, namespace, spec: { failoverPairRef: { name }, notify } }) as Hall, signal);
}

async function setNotify(name: string, notify: readonly HallNotify[]): Promise<void> {
  await cluster.admin.patch(
    halls,
    key(name),
    { type: 'json', operations: [{ op: 'replace', path: '/spec/notify', value: notify }] },
    signal,
  );
}

test('without a single Hall the receivers of the platform are there, with the password by reference', async () => {
  const secret = await cluster.until('the configuration is written', secrets, target, (found) => textOf(found) !== '');
  expect(receiversOf(secret)).toEqual(['nobody', 'platform']);
  expect(textOf(secret)).toContain('hush-mail');
});

test('Halls are routed, a mistake of one keeps its last good part, and what is written is what Alertmanager accepts', async () => {
  await createHall('north', [mail]);
  await createHall('south', [mail]);
  await cluster.until('north is routed', halls, key('north'), (hall) => routed(hall)?.status === 'True');
  await cluster.until('south is routed', halls, key('south'), (hall) => routed(hall)?.status === 'True');
  await setNotify('north', [{ ...mail, email: { to: ['a{{b}}@example.com'] } }]);
  const refused = await cluster.until('north is refused', halls, key('north'), (hall) => routed(hall)?.status === 'False');
  expect(routed(refused)).toMatchObject({ reason: 'LastGoodKept', message: expect.stringContaining('a{{b}}@example.com') });
  await setNotify('south', [mail, { ...mail, name: 'owner' }]);
  const secret = await cluster.until('south has changed', secrets, target, (found) => receiversOf(found).includes('south/owner'));
  expect(receiversOf(secret)).toEqual(['nobody', 'platform', 'north/managers', 'south/managers', 'south/owner']);

  const folder = await temporaryFolder('notifications');
  try {
    for (const [name, text] of Object.entries(decodeData(secret))) await writeFile(join(folder.path, name), text, { mode: 0o600 });
    const checked = await runTool(systemProgram('amtool'), ['check-config', join(folder.path, 'alertmanager.yaml')]);
    expect(checked).toContain('SUCCESS');
  } finally {
    await folder.remove();
  }
});

test('the last good part survives a restart of the operator, which writes nothing', async () => {
  const before = await cluster.admin.get(secrets, target, signal);
  await operator.stop();
  operator = await cluster.operator({ settings });
  // Proof that the new operator has made the configuration: it answers to a change.
  await setNotify('south', [mail]);
  const secret = await cluster.until('south has changed', secrets, target, (found) => !receiversOf(found).includes('south/owner'));
  expect(receiversOf(secret)).toEqual(['nobody', 'platform', 'north/managers', 'south/managers']);
  expect(before.metadata.uid).toBe(secret.metadata.uid);
  expect(await writings()).toBe(1);
});

test('every claim deleted while the operator was away costs no route, no hall and no terminal anything', async () => {
  await cluster.admin.create(terminals, aTerminal({ name: 'one', namespace, spec: { hallRef: { name: 'north' } } }) as Terminal, signal);
  await cluster.until('its terminal is enrolled', terminals, key('one'), (terminal) => isTrue(terminal, 'Enrolled'));
  for (const member of ['hallkeeper-north-a', 'hallkeeper-north-b']) {
    await cluster.until('the member serves the hall', secrets, key(member), (secret) => settingsOf(secret).hallServer?.hall === 'north');
  }
  const claims = { namespace: target.namespace, labelSelector: claimLabel };
  await operator.stop();
  const before = await versions();
  const { items } = await cluster.admin.list(configMaps, claims, signal);
  expect(items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('hallkeeper-hall-'))).toHaveLength(2);
  for (const { metadata } of items) await cluster.admin.delete(configMaps, metadata, {}, signal);
  operator = await cluster.operator({ settings });
  await eventually(
    'all claims are taken again',
    async () => {
      const { items: again } = await cluster.admin.list(configMaps, claims, signal);
      return again.length === items.length;
    },
    patience,
  );
  // Proof that the new operator has made the configuration after that: it answers to a change.
  await setNotify('south', [mail, { ...mail, name: 'owner' }]);
  const changed = await cluster.until('south has changed', secrets, target, (found) => receiversOf(found).includes('south/owner'));
  expect(receiversOf(changed)).toContain('north/managers');
  expect(await writings()).toBe(1);
  expect((await versions()).slice(1)).toEqual(before.slice(1));
  await setNotify('south', [mail]);
  await cluster.until('south is as before', secrets, target, (found) => !receiversOf(found).includes('south/owner'));
});

/** How often the running operator has said that it wrote the configuration. A change may be seen before its writer has the answer. */
async function writings(): Promise<number> {
  const said = (): number => operator.lines.filter(({ message }) => message === 'the Alertmanager configuration was written').length;
  await eventually('the operator says that it wrote the configuration', () => said() > 0, patience);
  return said();
}

/** Of the configuration, and of what a missing claim must not touch. */
async function versions(): Promise<readonly (string | undefined)[]> {
  const found = [
    await cluster.admin.get(secrets, target, signal),
    await cluster.admin.get(secrets, key('hallkeeper-north-a'), signal),
    await cluster.admin.get(secrets, key('hallkeeper-north-b'), signal),
    await cluster.admin.get(secrets, key('hallkeeper-terminal-one'), signal),
    await cluster.admin.get(terminals, key('one'), signal),
  ];
  return found.map(({ metadata }) => metadata.resourceVersion);
}

const isTrue = (object: Terminal, type: string): boolean =>
  findCondition(object.status?.conditions as readonly Condition[] | undefined, type)?.status === 'True';

test('a bot token is read by reference, its lack is said, and it is shown nowhere else', async () => {
  await createHall('west', [telegram]);
  const lacking = await cluster.until('its lack is said', halls, key('west'), (hall) => routed(hall)?.status === 'False');
  expect(routed(lacking)).toMatchObject({
    reason: 'NotRouted',
    message: expect.stringContaining('the Secret "bot", key "token", does not exist'),
  });
  await cluster.admin.create(secrets, { metadata: key('bot'), data: encodeData({ token: exampleToken }) }, signal);
  const done = await cluster.until('it is routed', halls, key('west'), (hall) => routed(hall)?.status === 'True');
  expect(JSON.stringify(done)).not.toContain(exampleToken);
  expect(textOf(await cluster.admin.get(secrets, target, signal))).toContain(exampleToken);
  expect(JSON.stringify(operator.lines)).not.toMatch(new RegExp(`${exampleToken}|hush-mail`));
});

test('a Hall that is gone leaves nothing behind', async () => {
  await cluster.admin.delete(halls, key('south'), {}, signal);
  const secret = await cluster.until('its part is gone', secrets, target, (found) => !textOf(found).includes('south'));
  expect(receiversOf(secret)).toEqual(['nobody', 'platform', 'north/managers', 'west/on-call']);
});

test('a Secret of somebody else is left alone, and every Hall says that nothing was delivered', async () => {
  await operator.stop();
  const mine = { metadata: { ...target, name: 'mine' }, data: encodeData({ 'alertmanager.yaml': 'mine' }) };
  await cluster.admin.create(secrets, mine, signal);
  operator = await cluster.operator({ settings: { notify: { ...settings.notify, secret: { name: 'mine' } } } });
  const told = await cluster.until('it is said', halls, key('west'), (hall) => routed(hall)?.reason === 'NotDelivered');
  expect(routed(told)?.message).toContain('delete it, or hand it over');
  expect(textOf(await cluster.admin.get(secrets, { ...target, name: 'mine' }, signal))).toBe('mine');
});

test('an operator without a way to notify says so', async () => {
  await operator.stop();
  operator = await cluster.operator();
  await cluster.until('it is said', halls, key('west'), (hall) => routed(hall)?.reason === 'NotConfigured');
});
