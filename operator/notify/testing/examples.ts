import { Secret } from '#lib/base/secret.ts';
import type { HallNotify, NotifyEntry } from '../hall-notify.ts';
import type { NotifySettings } from '../settings.ts';

/** The example token of Telegram's own documentation. */
export const exampleToken = '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';

export function settings(over: Partial<NotifySettings> = {}): NotifySettings {
  return {
    alertmanager: { major: 0, minor: 25 },
    smtp: {
      smarthost: 'mail.example.com:587',
      from: 'hallkeeper@example.com',
      auth: { username: 'hallkeeper', password: new Secret('p"a\\ss: {{x}}') },
      requireTls: true,
    },
    telegram: { apiUrl: 'https://api.telegram.org' },
    platform: { email: ['platform@example.com'] },
    timing: { groupWaitMs: 10_000, groupIntervalMs: 300_000, repeatIntervalMs: 14_400_000 },
    ...over,
  };
}

export function hallNotify(notify: readonly NotifyEntry[], over: Partial<HallNotify> = {}): HallNotify {
  return { timeZone: 'Europe/Berlin', notify, botTokens: new Map([['bot/token', new Secret(exampleToken)]]), ...over };
}

export const mailEntry: NotifyEntry = { name: 'managers', email: { to: ['anna@example.com', 'bo@example.com'] } };

export const telegramEntry: NotifyEntry = {
  name: 'on-call',
  match: { severity: ['critical', 'warning'], component: ['pair'] },
  telegram: { chatID: -1_001_234_567_890, botTokenSecretRef: { name: 'bot', key: 'token' } },
  activeTimes: [{ days: ['Sat', 'Sunday'], from: '22:00', to: '06:00' }],
};
