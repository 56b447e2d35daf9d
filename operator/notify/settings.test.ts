import { expect, test } from 'vitest';
import { readFields } from '#lib/base/fields.ts';
import { readNotifySettings } from './settings.ts';

const problemsOf = (raw: unknown): readonly string[] => {
  const fields = readFields(raw);
  readNotifySettings(fields);
  return fields.problems();
};

test('without any setting only Telegram can be used', () => {
  const fields = readFields({});
  expect(readNotifySettings(fields)).toEqual({
    alertmanager: { major: 0, minor: 25 },
    telegram: { apiUrl: 'https://api.telegram.org' },
    platform: { email: [] },
    timing: { groupWaitMs: 10_000, groupIntervalMs: 300_000, repeatIntervalMs: 14_400_000 },
  });
  expect(fields.problems()).toEqual([]);
});

test('a mail server is used with TLS unless that is switched off', () => {
  const smtp = { smarthost: 'mail.example.com:587', from: 'a@example.com', username: 'u', password: 'p' };
  const fields = readFields({ smtp, platform: { email: ['p@example.com'], telegram: { chatID: -5, botToken: 't' } } });
  expect(readNotifySettings(fields).smtp).toMatchObject({ requireTls: true, auth: { username: 'u' } });
  expect(fields.problems()).toEqual([]);
});

test('every problem is named at once, and no secret is quoted', () => {
  const problems = problemsOf({
    alertmanagerVersion: '0.24.0',
    smtp: { smarthost: 'mail', from: 'x', password: 'hush' },
    watchdogUrl: 'ftp://hush',
    timing: { groupWait: '11m' },
    colour: 'red',
  });
  expect(problems).toEqual([
    'alertmanagerVersion must be at least 0.25: older releases do not know what we write',
    'smtp.password needs a username',
    'smtp.smarthost must be host:port, found "mail"',
    'smtp.from must be a mail address, found "x"',
    'watchdogUrl must be an http or https address',
    'timing.groupWait must be a duration such as 5s, from 0 ms to 600000 ms, found "11m"',
    'colour is not a known setting',
    'smtp.password is not a known setting',
  ]);
});
