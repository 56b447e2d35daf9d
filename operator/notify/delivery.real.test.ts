import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { startAlertmanager } from '#test/cluster/alertmanager.ts';
import type { Alertmanager, PostedAlert } from '#test/cluster/alertmanager.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { startSmtpServer } from '#test/cluster/smtp.ts';
import type { LocalSmtpServer, ReceivedMail } from '#test/cluster/smtp.ts';
import { startBotApi } from '#test/cluster/telegram.ts';
import type { BotMessage, LocalBotApi } from '#test/cluster/telegram.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { notifyConfiguration } from './configuration.ts';
import type { NotifyEntry } from './hall-notify.ts';
import type { NotifySettings, SmtpSettings } from './settings.ts';
import { writeAlertmanagerFiles } from './testing/alertmanager-files.ts';
import { exampleToken, hallNotify, settings } from './testing/examples.ts';

const chatID = -1_001_234_567_890;
const both: NotifyEntry = {
  name: 'on-call',
  email: { to: ['anna@example.com'] },
  telegram: { chatID, botTokenSecretRef: { name: 'bot', key: 'token' } },
};
const login = { username: 'hallkeeper', password: 'p"a\\ss: {{x}}' };
const deliveredMaxMs = 60_000;

/** A whole second in the past: Alertmanager refuses an alert that starts in the future. */
const startsAt = new Date(Math.floor(Date.now() / 1_000 - 90) * 1_000);
const startsAtShown = `${startsAt.toISOString().slice(0, 19).replace('T', ' ')} UTC`;

let folder: TemporaryFolder;
let authority: Authority;
let smtp: LocalSmtpServer;
let botApi: LocalBotApi;
let alertmanager: Alertmanager;
let smtpSettings: SmtpSettings;

beforeAll(async () => {
  folder = await temporaryFolder('notify');
  authority = await createAuthority({ commonName: 'mail-ca', nowMs: Date.now() });
  const tls = await serverTls(authority);
  smtp = await startSmtpServer({ tls, login });
  botApi = await startBotApi({ token: exampleToken, chatIds: [chatID], tls });
  const caFile = join(folder.path, 'ca.pem');
  await writeFile(caFile, authority.certificatePem);
  await writeFile(join(folder.path, 'foreign.pem'), (await createAuthority({ commonName: 'mail-ca', nowMs: Date.now() })).certificatePem);
  smtpSettings = {
    smarthost: smtp.smarthost,
    from: 'hallkeeper@example.com',
    auth: { username: login.username, password: new Secret(login.password) },
    requireTls: true,
    caFile,
  };
  alertmanager = await startAlertmanager({ config: await made(), directory: folder.path });
});

afterAll(async () => {
  await alertmanager?.stop();
  await smtp?.stop();
  await botApi?.stop();
  await folder?.remove();
});

async function serverTls(signer: Authority): Promise<{ certificatePem: string; privateKeyPem: string }> {
  const leaf = await issueLeaf(signer, {
    identity: { kind: 'operator', trustDomain: 'hallkeeper.dev' },
    commonName: 'mail.example.com',
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
    nowMs: Date.now(),
  });
  return { certificatePem: leaf.certificatePem, privateKeyPem: leaf.privateKeyPem.reveal() };
}

/** The configuration for one hall, its template written beside it; the groups wait a moment only. */
async function made(over: Partial<NotifySettings> = {}): Promise<string> {
  const outcome = notifyConfiguration({
    halls: new Map([['north', hallNotify([both])]]),
    settings: settings({
      smtp: smtpSettings,
      telegram: { apiUrl: botApi.url, caFile: join(folder.path, 'ca.pem') },
      platform: { email: [] },
      timing: { groupWaitMs: 500, groupIntervalMs: 5_000, repeatIntervalMs: 3_600_000 },
      ...over,
    }),
  });
  await writeAlertmanagerFiles(folder.path, outcome);
  return outcome.configuration.reveal();
}

/** Each test has an alert name of its own, so that its group is new and its messages are told from the others'. */
let alertCount = 0;
let alertname = '';
beforeEach(() => {
  alertCount += 1;
  alertname = `HallkeeperTest${alertCount}`;
});

function alert(labels: Readonly<Record<string, string>> = {}, annotations: Readonly<Record<string, string>> = {}): PostedAlert {
  return {
    labels: { alertname, hall: 'north', severity: 'critical', component: 'pair', pair: 'north', ...labels },
    annotations: {
      summary: `Summary of ${alertname}`,
      description: 'The standby took over.',
      runbook_url: 'https://hallkeeper.dev/docs/runbooks/x.md',
      ...annotations,
    },
    startsAt: startsAt.toISOString(),
  };
}

const messageOfTest = (list: readonly BotMessage[]): BotMessage | undefined => list.find(({ source }) => source.includes(alertname));
const mailOfTest = (list: readonly ReceivedMail[]): ReceivedMail | undefined => list.find(({ text }) => text.includes(alertname));
const delivered = (): Promise<{ mail: ReceivedMail; message: BotMessage }> =>
  eventually(
    'mail and message are there',
    () => {
      const mail = mailOfTest(smtp.mails);
      const message = messageOfTest(botApi.messages);
      return mail === undefined || message === undefined ? undefined : { mail, message };
    },
    { maxMs: deliveredMaxMs },
  );

test('an alert is mailed over verified TLS with a log-in and sent to Telegram: what, where, since, what to do, link', async () => {
  await alertmanager.post([alert()]);
  const { mail, message } = await delivered();
  expect(mail).toMatchObject({ from: 'hallkeeper@example.com', to: ['anna@example.com'], encrypted: true, user: 'hallkeeper' });
  expect(mail.subject).toBe(`[1 firing] north: Summary of ${alertname}`);
  expect(mail.text.trim().split('\n')).toEqual([
    `What: Summary of ${alertname}`,
    'Now:  1 firing, 0 over',
    '',
    '* Where: hall north, pair north',
    `  Since: ${startsAtShown}`,
    '  The standby took over.',
    '',
    'What to do:   https://hallkeeper.dev/docs/runbooks/x.md',
    expect.stringMatching(/^Alertmanager: http:\/\//),
  ]);
  expect(message).toMatchObject({ chatId: chatID, parseMode: 'HTML' });
  expect(message.text.split('\n')).toEqual([
    `🔴 Summary of ${alertname}`,
    `1 firing · ${alertname}`,
    '',
    '• hall north, pair north',
    'The standby took over.',
    `since ${startsAtShown}`,
    '',
    'What to do · Alertmanager',
  ]);
  expect(message.source).toContain('<a href="https://hallkeeper.dev/docs/runbooks/x.md">What to do</a>');
});

test('when it is over, that is told with both times', async () => {
  await alertmanager.post([alert()]);
  await delivered();
  await alertmanager.post([{ ...alert(), endsAt: new Date(Date.now() - 1_000).toISOString() }]);
  const over = await eventually(
    'the end is told',
    () => botApi.messages.find(({ source }) => source.includes(alertname) && source.includes('✅')),
    { maxMs: deliveredMaxMs },
  );
  expect(over.text).toMatch(/All over/);
  expect(over.text).toContain(`from ${startsAtShown} until 2`);
});

test('of more than ten alerts ten are listed and the rest is counted', async () => {
  // Begun just now: a group of older alerts does not wait for those that come with its first one.
  const begun = new Date().toISOString();
  await alertmanager.post(Array.from({ length: 13 }, (_, index) => ({ ...alert({ terminal: `t-${index}` }), startsAt: begun })));
  const { mail, message } = await delivered();
  expect(message.text.match(/• hall north, terminal/g)).toHaveLength(10);
  expect(message.text).toContain('and 3 more');
  expect(mail.text.match(/\* Where/g)).toHaveLength(10);
  expect(mail.text).toContain('and 3 more');
});

const hostile = [
  { behaviour: 'markup', text: '<b>bold</b> <script>x</script> & "quoted" \'single\' +1' },
  { behaviour: 'markup that never closes', text: '</b><a href="x">' },
  { behaviour: 'Markdown', text: '_a_ *b* `c` [d](e) ~f~' },
  { behaviour: 'templates', text: '{{ .Labels }} {{ template "x" }}' },
  { behaviour: 'five thousand letters', text: 'long '.repeat(1_000) },
  { behaviour: 'five thousand characters that need escaping', text: `<&>"'`.repeat(1_000) },
  { behaviour: 'right to left and an override', text: '\u202eעברית\u202c مرحبا' },
  { behaviour: 'line ends and a header', text: 'a\r\nBcc: eve@example.com\r\n\r\n.\r\nb' },
  { behaviour: 'emoji and a zero', text: '👩‍👩‍👧 \u0000 \ufffd' },
] as const;
for (const { behaviour, text } of hostile) {
  test(`hostile labels and annotations still arrive: ${behaviour}`, async () => {
    const before = botApi.refusals.length;
    const labels = { pair: text, terminal: text };
    const annotations = { summary: `${text.slice(0, 40)} ${alertname}`, description: text, runbook_url: `javascript:${text}` };
    await alertmanager.post(Array.from({ length: 10 }, (_, index) => alert({ ...labels, index: String(index) }, annotations)));
    const { mail, message } = await delivered();
    expect(botApi.refusals.slice(before)).toEqual([]);
    expect(message.source.length).toBeLessThanOrEqual(4_096);
    expect(message.source).not.toMatch(/href="javascript/);
    expect(mail.to).toEqual(['anna@example.com']);
    expect(mail.headers.get('bcc')).toBeUndefined();
  });
}

test('markup in a label is shown as it is', async () => {
  await alertmanager.post([alert({ pair: '<b>&' }, { description: '5 < 6 & "x"' })]);
  const { message } = await delivered();
  expect(message.text).toContain('• hall north, pair <b>&');
  expect(message.text).toContain('5 < 6 & "x"');
});

test('the inhibition works in Alertmanager itself: while the hall is not reached, what comes through it is not sent', async () => {
  const source = alert({ alertname: 'HallkeeperHallUnreachable' }, { summary: 'The hall is not reached' });
  await alertmanager.post([source]);
  await eventually('the source is told', () => botApi.messages.some(({ source: text }) => text.includes('HallkeeperHallUnreachable')), {
    maxMs: deliveredMaxMs,
  });
  await alertmanager.post([alert({ via: 'fleet' })]);
  const muted = await eventually(
    'the target is muted',
    async () => {
      const answer = await fetch(`${alertmanager.url}/api/v2/alerts?inhibited=true&active=false`);
      return ((await answer.json()) as { labels: Record<string, string> }[]).find(({ labels }) => labels['alertname'] === alertname);
    },
    { maxMs: deliveredMaxMs },
  );
  expect(muted.labels['via']).toBe('fleet');
  expect(messageOfTest(botApi.messages)).toBeUndefined();
  await alertmanager.post([{ ...source, endsAt: new Date(Date.now() - 1_000).toISOString() }]);
});

test('the end of what an exporter told is not told as over while nobody watches the hall', async () => {
  const isOver = (name: string) => botApi.messages.some(({ source }) => source.includes(name) && source.includes('✅'));
  const ended = { endsAt: new Date(Date.now() - 1_000).toISOString() };
  await alertmanager.post([alert({ via: 'fleet', terminal: 't-07' })]);
  await delivered();
  const source = alert({ alertname: 'HallkeeperExporterDown', via: 'scrape' }, { summary: 'Nobody watches a hall' });
  await alertmanager.post([source]);
  await eventually('the source is told', () => botApi.messages.some(({ source: text }) => text.includes('HallkeeperExporterDown')), {
    maxMs: deliveredMaxMs,
  });
  await alertmanager.post([{ ...alert({ via: 'fleet', terminal: 't-07' }), ...ended }]);
  // Two alerts that begin and end one after the other: the second's end is told a whole interval of groups after the first's, so the group
  // of the muted one was looked at in between.
  for (const control of ['ControlOne', 'ControlTwo']) {
    const name = `Hallkeeper${control}${alertCount}`;
    const begun = alert({ alertname: name }, { summary: `Summary of ${name}` });
    await alertmanager.post([begun]);
    await eventually('the control is told', () => botApi.messages.some(({ source: text }) => text.includes(name)), {
      maxMs: deliveredMaxMs,
    });
    await alertmanager.post([{ ...begun, ...ended }]);
    await eventually('its end is told', () => isOver(name), { maxMs: deliveredMaxMs });
  }
  expect(isOver(alertname)).toBe(false);
  await alertmanager.post([{ ...source, ...ended }]);
});

test('the Watchdog is sent at every look at its group, not at every second one', async () => {
  const calls: number[] = [];
  const deadman = createServer((request, response) => {
    calls.push(performance.now());
    request.resume();
    response.end();
  });
  deadman.listen(0, '127.0.0.1');
  await once(deadman, 'listening');
  try {
    const { port } = deadman.address() as AddressInfo;
    const config = await made({ watchdogUrl: new Secret(`http://127.0.0.1:${port}/`) });
    // A minute is 4 seconds here, and the interval of repeats as much shorter.
    const hurried = config
      .replace('group_interval: "1m"', 'group_interval: "4s"')
      .replace('repeat_interval: "50s"', 'repeat_interval: "3333ms"');
    expect(hurried).toMatch(/group_interval: "4s"\n\s+repeat_interval: "3333ms"/);
    await alertmanager.reload(hurried);
    await alertmanager.post([
      { labels: { alertname: 'HallkeeperWatchdog', severity: 'none' }, annotations: {}, startsAt: startsAt.toISOString() },
    ]);
    await eventually('it is sent four times', () => calls.length >= 4, { maxMs: deliveredMaxMs });
    // Sent at every second look the gaps would be two looks long; one of three may be, on a machine that stalls.
    const gapsMs = calls.slice(1, 4).map((atMs, index) => atMs - (calls[index] ?? 0));
    expect(gapsMs.filter((gapMs) => gapMs < 6_000).length).toBeGreaterThanOrEqual(2);
  } finally {
    deadman.closeAllConnections();
    deadman.close();
  }
});

const untrusted = [
  { behaviour: 'of a foreign CA', over: (): Partial<SmtpSettings> => ({ caFile: join(folder.path, 'foreign.pem') }) },
  { behaviour: 'for another name', over: (): Partial<SmtpSettings> => ({ smarthost: `localhost:${smtp.port}` }) },
] as const;
for (const { behaviour, over } of untrusted) {
  test(`a mail server with a certificate ${behaviour} gets no mail, and Telegram is told all the same`, async () => {
    const failuresBefore = await mailFailures();
    await alertmanager.reload(await made({ smtp: { ...smtpSettings, ...over() } }));
    await alertmanager.post([alert()]);
    await eventually('the message is there', () => messageOfTest(botApi.messages), { maxMs: deliveredMaxMs });
    await eventually('the failed mail is counted', async () => (await mailFailures()) > failuresBefore, { maxMs: deliveredMaxMs });
    expect(mailOfTest(smtp.mails)).toBeUndefined();
  });
}

test('a Bot API with a certificate of a foreign CA gets no message, and the mail goes out all the same', async () => {
  await alertmanager.reload(await made({ telegram: { apiUrl: botApi.url, caFile: join(folder.path, 'foreign.pem') } }));
  await alertmanager.post([alert()]);
  await eventually('the mail is there', () => mailOfTest(smtp.mails), { maxMs: deliveredMaxMs });
  expect(messageOfTest(botApi.messages)).toBeUndefined();
});

test('a mail server without TLS gets no mail while TLS is required', async () => {
  await using plain = await startSmtpServer();
  const { auth: _, ...withoutLogin } = smtpSettings;
  const failuresBefore = await mailFailures();
  await alertmanager.reload(await made({ smtp: { ...withoutLogin, smarthost: plain.smarthost } }));
  await alertmanager.post([alert()]);
  await eventually('the message is there', () => messageOfTest(botApi.messages), { maxMs: deliveredMaxMs });
  await eventually('the failed mail is counted', async () => (await mailFailures()) > failuresBefore, { maxMs: deliveredMaxMs });
  expect(plain.mails).toEqual([]);
});

/** Requests to mail servers that failed so far. */
async function mailFailures(): Promise<number> {
  const text = await (await fetch(`${alertmanager.url}/metrics`)).text();
  return Number(/^alertmanager_notification_requests_failed_total\{integration="email"\} (\S+)$/m.exec(text)?.[1] ?? 0);
}
