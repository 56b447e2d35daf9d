import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { systemProgram } from '#test/cluster/programs.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { weekdays } from './active-times.ts';
import { notifyConfiguration } from './configuration.ts';
import type { HallNotify } from './hall-notify.ts';
import type { NotifySettings } from './settings.ts';
import { writeAlertmanagerFiles } from './testing/alertmanager-files.ts';
import { exampleToken, hallNotify, mailEntry, settings, telegramEntry } from './testing/examples.ts';

let folder: TemporaryFolder;
beforeAll(async () => (folder = await temporaryFolder('amtool')));
afterAll(() => folder.remove());

const execute = promisify(execFile);
const { smtp: _, ...withoutMail } = settings();
const everyDay = weekdays.map((day) => ({ days: [day], from: '18:30', to: '02:15' }));

const wishes: readonly { behaviour: string; halls: Readonly<Record<string, HallNotify>>; settings: NotifySettings }[] = [
  { behaviour: 'no hall at all', halls: {}, settings: settings() },
  { behaviour: 'no hall, no mail server, no platform receiver', halls: {}, settings: { ...withoutMail, platform: { email: [] } } },
  {
    behaviour: 'halls with mail, Telegram and times',
    halls: { north: hallNotify([mailEntry, telegramEntry]), south: hallNotify([telegramEntry]) },
    settings: settings(),
  },
  {
    behaviour: 'times past midnight on every day',
    halls: { north: hallNotify([{ ...mailEntry, activeTimes: everyDay }]) },
    settings: settings(),
  },
  {
    behaviour: 'every setting',
    halls: { north: hallNotify([mailEntry, telegramEntry]) },
    settings: settings({
      smtp: { smarthost: '[::1]:465', from: 'a@example.com', requireTls: false, caFile: '/etc/ca.pem' },
      telegram: { apiUrl: 'http://127.0.0.1:1234', caFile: '/etc/ca.pem' },
      watchdogUrl: new Secret('https://deadman.example.com/x?y=z#{{'),
      platform: { email: [], telegram: { chatID: 5, botToken: new Secret(exampleToken) } },
    }),
  },
  {
    behaviour: 'a password and names that YAML 1.1 would read as something else',
    halls: {
      on: hallNotify([{ ...mailEntry, name: 'no' }]),
      '1e3': hallNotify([{ ...mailEntry, name: '0x1f' }]),
      null: hallNotify([{ ...mailEntry, name: '12' }]),
    },
    settings: settings({
      smtp: { smarthost: 'm:25', from: 'a@b', requireTls: true, auth: { username: 'yes', password: new Secret('~\n\t"# {{ é 🔑') } },
    }),
  },
];
for (const wish of wishes) {
  test(`amtool accepts ${wish.behaviour}`, async () => {
    const made = notifyConfiguration({ halls: new Map(Object.entries(wish.halls)), settings: wish.settings });
    expect([...made.halls.values()].filter(({ routed }) => !routed)).toEqual([]);
    const path = await writeAlertmanagerFiles(folder.path, made);
    expect(await runTool(systemProgram('amtool'), ['check-config', path])).toContain('1 templates');
  });
}

test('amtool accepts a last good part kept over a restart of the operator', async () => {
  const first = notifyConfiguration({ halls: new Map([['north', hallNotify([mailEntry, telegramEntry])]]), settings: settings() });
  const broken = new Map([['north', hallNotify([{ name: 'a' }])]]);
  const bare = { ...withoutMail, platform: { email: [] } };
  const second = notifyConfiguration({ halls: broken, settings: bare, previous: new Secret(first.configuration.reveal()) });
  expect(second.halls.get('north')?.reason).toBe('LastGoodKept');
  expect(await runTool(systemProgram('amtool'), ['check-config', await writeAlertmanagerFiles(folder.path, second)])).toContain('SUCCESS');
});

test('Alertmanager 0.25 refuses the configuration for 0.30, so the gate is needed', async () => {
  const made = notifyConfiguration({ halls: new Map(), settings: settings({ alertmanager: { major: 0, minor: 30 } }) });
  const path = await writeAlertmanagerFiles(folder.path, made);
  const refusal = execute(systemProgram('amtool'), ['check-config', path]);
  await expect(refusal).rejects.toMatchObject({ stdout: expect.stringContaining('field name not found in type config.plain') });
});

test('alerts reach exactly whom the Halls name', async () => {
  const halls = { north: hallNotify([mailEntry, { ...telegramEntry, activeTimes: [] }]), south: hallNotify([mailEntry]) };
  const made = notifyConfiguration({ halls: new Map(Object.entries(halls)), settings: settings({ watchdogUrl: new Secret('http://w') }) });
  const path = await writeAlertmanagerFiles(folder.path, made);
  const routed = async (...labels: readonly string[]): Promise<string> =>
    (await runTool(systemProgram('amtool'), ['config', 'routes', 'test', `--config.file=${path}`, ...labels])).trim();
  expect(await routed('alertname=X', 'hall=north', 'severity=critical', 'component=pair')).toBe('north/managers,north/on-call');
  expect(await routed('alertname=X', 'hall=north', 'severity=info', 'component=pair')).toBe('north/managers');
  expect(await routed('alertname=X', 'hall=north', 'severity=critical', 'component=hall')).toBe('north/managers');
  expect(await routed('alertname=X', 'hall=south', 'severity=critical', 'component=pair')).toBe('south/managers');
  expect(await routed('alertname=X', 'hall=west', 'severity=critical')).toBe('platform');
  expect(await routed('alertname=X', 'severity=critical')).toBe('platform');
  expect(await routed('alertname=HallkeeperWatchdog')).toBe('watchdog');
});

test('a broken template file is noticed by amtool, so a green check means the templates parse', async () => {
  const made = notifyConfiguration({ halls: new Map(), settings: settings() });
  const path = await writeAlertmanagerFiles(folder.path, made);
  await writeFile(join(folder.path, 'hallkeeper.tmpl'), '{{ define "x" }}{{ if }}');
  await expect(runTool(systemProgram('amtool'), ['check-config', path])).rejects.toThrow('failed to validate');
});
