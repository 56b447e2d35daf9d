import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { notifyConfiguration } from '#operator/notify/configuration.ts';
import { writeAlertmanagerFiles } from '#operator/notify/testing/alertmanager-files.ts';
import { exampleToken, hallNotify, settings } from '#operator/notify/testing/examples.ts';
import { startAlertmanager } from '#test/cluster/alertmanager.ts';
import type { Alertmanager } from '#test/cluster/alertmanager.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { startPrometheus } from '#test/cluster/prometheus.ts';
import type { Prometheus } from '#test/cluster/prometheus.ts';
import { startSmtpServer } from '#test/cluster/smtp.ts';
import type { LocalSmtpServer } from '#test/cluster/smtp.ts';
import { startBotApi } from '#test/cluster/telegram.ts';
import type { LocalBotApi } from '#test/cluster/telegram.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { alertRuleTexts } from './rule-files.ts';

const chatID = -100_500;
let folder: TemporaryFolder;
let smtp: LocalSmtpServer;
let botApi: LocalBotApi;
let watchdog: Server;
let watchdogCalls = 0;
let exporter: Server;
let exposition = '';
let scrapes = 0;
let alertmanager: Alertmanager;
let prometheus: Prometheus;

beforeAll(async () => {
  folder = await temporaryFolder('page');
  smtp = await startSmtpServer();
  botApi = await startBotApi({ token: exampleToken, chatIds: [chatID] });
  watchdog = await serve(() => {
    watchdogCalls += 1;
    return '';
  });
  exporter = await serve(() => {
    scrapes += 1;
    return exposition;
  });
  exposition = pair({ a: 1, b: 1 }, 'a');
  const outcome = notifyConfiguration({ halls: new Map([['north', hall()]]), settings: notifySettings() });
  await writeAlertmanagerFiles(folder.path, outcome);
  alertmanager = await startAlertmanager({ config: outcome.configuration.reveal(), directory: folder.path });
  prometheus = await startPrometheus({
    config: {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      scrape_configs: [{ job_name: 'members', static_configs: [{ targets: [hostOf(exporter)] }] }],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`${alertmanager.address}:${alertmanager.port}`] }] }] },
    },
    rules: await alertRuleTexts(),
  });
});

afterAll(async () => {
  await prometheus?.stop();
  await alertmanager?.stop();
  for (const server of [watchdog, exporter]) {
    server?.closeAllConnections();
    server?.close();
  }
  await smtp?.stop();
  await botApi?.stop();
  await folder?.remove();
});

async function serve(answer: () => string): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(answer());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const hostOf = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;

function hall(): ReturnType<typeof hallNotify> {
  return hallNotify([
    { name: 'on-call', email: { to: ['anna@example.com'] }, telegram: { chatID, botTokenSecretRef: { name: 'bot', key: 'token' } } },
  ]);
}

function notifySettings(): ReturnType<typeof settings> {
  return settings({
    smtp: { smarthost: smtp.smarthost, from: 'hallkeeper@example.com', requireTls: false },
    telegram: { apiUrl: botApi.url },
    platform: { email: [] },
    watchdogUrl: new Secret(`http://${hostOf(watchdog)}/`),
    timing: { groupWaitMs: 0, groupIntervalMs: 1_000, repeatIntervalMs: 3_600_000 },
  });
}

/** What the members that can be scraped say. */
function pair(epochs: Readonly<Record<string, number>>, primary: string): string {
  const lines = Object.entries(epochs).flatMap(([member, epoch]) => {
    const labels = `hall="north",pair="main",member="${member}"`;
    return [
      `hallkeeper_pair_epoch{${labels}} ${epoch}`,
      `hallkeeper_pair_role{${labels},role="primary"} ${member === primary ? 1 : 0}`,
      `hallkeeper_pair_role{${labels},role="standby"} ${member === primary ? 0 : 1}`,
    ];
  });
  return `${lines.join('\n')}\n`;
}

test('a failover is told by mail and Telegram: metrics, rule, route and message together', async () => {
  await eventually('Prometheus has scraped, and has found Alertmanager', () => scrapes > 2 && watchdogCalls > 0, { maxMs: 60_000 });
  expect(await prometheus.query('ALERTS{alertname="HallkeeperPairFailoverHappened"}')).toEqual([]);
  exposition = pair({ b: 2 }, 'b');
  const mail = await eventually('the mail is there', () => smtp.mails.find(({ subject }) => subject.includes('taken over')), {
    maxMs: 60_000,
  });
  const message = await eventually('the message is there', () => botApi.messages.find(({ text }) => text.includes('taken over')), {
    maxMs: 60_000,
  });
  expect(mail.subject).toBe('[1 firing] north: The lead of a pair was taken over.');
  expect(mail.text).toContain('* Where: hall north, pair main');
  expect(mail.text).toContain('it is in epoch 2 now, led by member b.');
  expect(message.text).toContain('HallkeeperPairFailoverHappened');
  expect(message.text).toContain('taken over and taken back; it is in epoch 2 now');
  expect(botApi.refusals).toEqual([]);
});

test('the Watchdog reaches the address outside, and nobody else is told of it', async () => {
  await eventually('the Watchdog has called', () => watchdogCalls > 0, { maxMs: 60_000 });
  expect(smtp.mails.filter(({ text }) => text.includes('Alerting works'))).toEqual([]);
});
