import type { Fields } from '#lib/base/fields.ts';
import type { Secret } from '#lib/base/secret.ts';
import type { SecretKeyRef } from './hall-notify.ts';

/** Where notifications leave the cluster. The same for all halls; a setting of the operator, never of a Hall. */
export interface NotifySettings {
  readonly alertmanager: AlertmanagerVersion;
  /** Absent: no Hall can notify by e-mail. */
  readonly smtp?: SmtpSettings;
  readonly telegram: TelegramSettings;
  /** Dead man's switch: an address outside that alarms when our Watchdog falls silent. Absent: nobody notices that alerting is dead. */
  readonly watchdogUrl?: Secret;
  /** Who is told of alerts that belong to no hall, or to a hall without a route. Absent: they are seen in Alertmanager only. */
  readonly platform: PlatformReceiver;
  readonly timing: NotifyTiming;
}

/** The Secret with the configuration of Alertmanager. Several operators never share one: each writes the Halls that it looks after. */
export interface NotifyTarget {
  readonly namespace: string;
  readonly name: string;
}

export interface AlertmanagerVersion {
  readonly major: number;
  readonly minor: number;
}

export interface SmtpSettings {
  /** `host:port` */
  readonly smarthost: string;
  readonly from: string;
  readonly auth?: { readonly username: string; readonly password: Secret };
  /** Instead of `auth`: the password stands in a Secret of the operator's namespace. */
  readonly login?: { readonly username: string; readonly passwordSecretRef: SecretKeyRef };
  /** STARTTLS or nothing. Without it a mail, with what it says of the hall, may travel in the clear. */
  readonly requireTls: boolean;
  /** Path, as Alertmanager sees it, of the CA that signed the server's certificate. Absent: the system's trust store. */
  readonly caFile?: string;
}

export interface TelegramSettings {
  readonly apiUrl: string;
  /** Path, as Alertmanager sees it, of the CA that signed the API's certificate. Absent: the system's trust store. */
  readonly caFile?: string;
}

export interface PlatformReceiver {
  readonly email: readonly string[];
  readonly telegram?: { readonly chatID: number; readonly botToken: Secret };
}

export interface NotifyTiming {
  /** How long a new group waits for more alerts, and for alerts that mute it. */
  readonly groupWaitMs: number;
  /** How long a group waits before it tells of a change; Alertmanager also gives a send no more time than this. */
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
}

/** The oldest release whose configuration we write: Telegram in HTML and time zones of intervals exist since 0.25. */
const alertmanagerMinorMin = 25;

const second = 1_000;
const hour = 3_600_000;
const urlShape = { pattern: /^https?:\/\/[^\s]+$/, shape: 'an http or https address' };
const nameShape = { pattern: /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, shape: 'the name of an object' };
const pathShape = { pattern: /^\/[^\0\n]*$/, shape: 'an absolute path' };

/** Reads the `notify` group of the operator's settings. Problems stay with `fields`; the caller refuses them. */
export function readNotifySettings(fields: Fields): NotifySettings {
  const telegram = fields.group('telegram', { optional: true });
  const telegramCaFile = telegram.optionalText('caFile', pathShape);
  return {
    alertmanager: readVersion(fields),
    ...(fields.has('smtp') ? { smtp: readSmtp(fields.group('smtp')) } : {}),
    telegram: {
      apiUrl: telegram.text('apiUrl', { ...urlShape, fallback: 'https://api.telegram.org' }),
      ...(telegramCaFile === undefined ? {} : { caFile: telegramCaFile }),
    },
    ...(fields.has('watchdogUrl') ? { watchdogUrl: readSecretUrl(fields, 'watchdogUrl') } : {}),
    platform: readPlatform(fields.group('platform', { optional: true })),
    timing: readTiming(fields.group('timing', { optional: true })),
  };
}

/** Reads `notify.secret`: where the configuration is written. @param namespace  The operator's own. */
export function readNotifyTarget(fields: Fields, namespace: string): NotifyTarget {
  return {
    namespace: fields.text('namespace', { ...nameShape, fallback: namespace }),
    name: fields.text('name', { ...nameShape, fallback: 'hallkeeper-alertmanager' }),
  };
}

/** The address may hold a token in its path, so a problem does not quote it. */
function readSecretUrl(fields: Fields, name: string): Secret {
  const url = fields.secret(name);
  if (!urlShape.pattern.test(url.reveal())) fields.problem(name, `must be ${urlShape.shape}`);
  return url;
}

function readVersion(fields: Fields): AlertmanagerVersion {
  const text = fields.text('alertmanagerVersion', {
    fallback: `0.${alertmanagerMinorMin}.0`,
    pattern: /^\d{1,3}\.\d{1,4}(\.\d{1,4})?$/,
    shape: 'a version such as 0.25.0',
  });
  const [major = 0, minor = 0] = text.split('.').map(Number);
  if (major === 0 && minor < alertmanagerMinorMin) {
    fields.problem('alertmanagerVersion', `must be at least 0.${alertmanagerMinorMin}: older releases do not know what we write`);
  }
  return { major, minor };
}

function readSmtp(fields: Fields): SmtpSettings {
  const caFile = fields.optionalText('caFile', pathShape);
  const login = readLogin(fields);
  return {
    smarthost: fields.text('smarthost', { pattern: /^(\[[0-9a-fA-F:]+\]|[^\s:]+):\d{1,5}$/, shape: 'host:port' }),
    from: fields.text('from', { pattern: mailAddress, shape: 'a mail address' }),
    ...login,
    requireTls: fields.flag('requireTls', { fallback: true }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

function readLogin(fields: Fields): Pick<SmtpSettings, 'auth' | 'login'> {
  const byRef = fields.has('passwordSecretRef');
  if (byRef && fields.has('password')) fields.problem('password', 'stands beside passwordSecretRef; remove one of them');
  if (!fields.has('username')) {
    for (const name of ['password', 'passwordSecretRef']) if (fields.has(name)) fields.problem(name, 'needs a username');
  }
  const ref = fields.group('passwordSecretRef', { optional: true });
  const passwordSecretRef = byRef ? { name: ref.text('name', nameShape), key: ref.text('key') } : undefined;
  if (!fields.has('username')) return {};
  const username = fields.text('username');
  return passwordSecretRef === undefined
    ? { auth: { username, password: fields.secret('password') } }
    : { login: { username, passwordSecretRef } };
}

function readPlatform(fields: Fields): PlatformReceiver {
  const email = fields.texts('email', { max: 20, pattern: mailAddress, shape: 'a mail address' });
  if (!fields.has('telegram')) return { email };
  const telegram = fields.group('telegram');
  const chatID = telegram.wholeNumber('chatID', { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
  return { email, telegram: { chatID, botToken: telegram.secret('botToken') } };
}

function readTiming(fields: Fields): NotifyTiming {
  return {
    groupWaitMs: fields.durationMs('groupWait', { fallback: 10 * second, min: 0, max: 600 * second }),
    groupIntervalMs: fields.durationMs('groupInterval', { fallback: 300 * second, min: second, max: hour }),
    repeatIntervalMs: fields.durationMs('repeatInterval', { fallback: 4 * hour, min: 60 * second, max: 168 * hour }),
  };
}

/**
 * Addresses that need no quoting anywhere. Alertmanager joins recipients with commas and expands templates in them, so commas, blanks,
 * quotes, angle brackets and braces are refused.
 */
export const mailAddress = /^(?=.{3,254}$)[\p{L}\p{N}.!#$%&'*+/=?^_`|~-]{1,64}@[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)*$/u;
