import { dump } from 'js-yaml';
import { formatDuration } from '#lib/base/duration.ts';
import { defineErrors } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import type { AlertmanagerConfig, InhibitRule, Receiver, Route } from './alertmanager-config.ts';
import type { HallNotify } from './hall-notify.ts';
import { fallbackReceiver, makeHallPart, nobody, platform, readHallParts } from './hall-part.ts';
import type { HallPart } from './hall-part.ts';
import { formatMatcher, inhibitions } from './inhibitions.ts';
import { messageTemplates } from './message-templates.ts';
import { emailConfig, telegramConfig } from './receivers.ts';
import type { AlertmanagerVersion, NotifySettings } from './settings.ts';

export const notifyErrors = defineErrors({
  HK_NOTIFY_TOO_LARGE: { retry: 'never', says: 'the Alertmanager configuration does not fit into one Secret' },
});

/** File names, and keys of the Secret. The configuration names the template file relative to itself. */
export const configurationFile = 'alertmanager.yaml';
export const templateFile = 'hallkeeper.tmpl';

/** A Secret holds 1 MiB; this leaves room for the templates and for base64 being counted by some tools. */
const configurationBytesMax = 700 * 1024;

export interface NotifyWish {
  /** By hall name, which is unique in the cluster. A Hall that lost its name to another is not here. */
  readonly halls: ReadonlyMap<string, HallNotify>;
  /** Names of which it is not decided who has them: their parts stay as they are, and nothing is said of them. */
  readonly undecided?: ReadonlySet<string>;
  readonly settings: NotifySettings;
  /** The configuration in force, as this generator wrote it. From it comes the last good part of a Hall whose wish is refused. */
  readonly previous?: Secret;
}

/** Goes into the condition NotificationsRouted of the Hall. */
export interface HallRouting {
  readonly routed: boolean;
  readonly reason: 'Routed' | 'NobodyNamed' | 'LastGoodKept' | 'NotRouted';
  readonly message: string;
}

export interface NotifyOutcome {
  /** Content of `alertmanager.yaml`: holds tokens and passwords, because releases before 0.26 take them nowhere else. */
  readonly configuration: Secret;
  /** Content of `hallkeeper.tmpl`. */
  readonly templates: string;
  readonly halls: ReadonlyMap<string, HallRouting>;
  /** False: the Watchdog ends in Alertmanager, and nobody outside would notice that alerting is dead. */
  readonly watchdogRouted: boolean;
}

/**
 * The whole Alertmanager configuration. One Hall's mistake never touches another: its part is whole or stays what it was.
 *
 * @throws HK_NOTIFY_TOO_LARGE  The configuration in force has to stay.
 */
export function notifyConfiguration({ halls, undecided = new Set(), settings, previous }: NotifyWish): NotifyOutcome {
  const lastGood = readHallParts(previous, settings);
  const parts: HallPart[] = [];
  const routings = new Map<string, HallRouting>();
  for (const hall of [...new Set([...halls.keys(), ...undecided])].toSorted()) {
    const notify = halls.get(hall);
    const made = notify === undefined ? undefined : makeHallPart(hall, notify, settings);
    if (made === undefined) {
      parts.push(...[lastGood.get(hall)].filter((part) => part !== undefined));
      continue;
    }
    const part = made.ok ? made.part : lastGood.get(hall);
    if (part !== undefined) parts.push(part);
    routings.set(hall, made.ok ? accepted(made.part, settings) : refused(made.problems, part, settings));
  }
  const text = dump(assemble(parts, settings), { lineWidth: -1, noRefs: true, forceQuotes: true, quoteStyle: 'double' });
  if (Buffer.byteLength(text) > configurationBytesMax) {
    throw notifyErrors.HK_NOTIFY_TOO_LARGE(
      `${Buffer.byteLength(text)} of at most ${configurationBytesMax} bytes for ${halls.size} halls; run another Alertmanager for some of them`,
    );
  }
  const configuration = new Secret(`${header}${text}`);
  return { configuration, templates: messageTemplates, halls: routings, watchdogRouted: settings.watchdogUrl !== undefined };
}

const header = '# Written by the Hallkeeper operator from Hall.spec.notify. Changes are overwritten.\n';

function accepted(part: HallPart | undefined, settings: NotifySettings): HallRouting {
  if (part === undefined) {
    return { routed: false, reason: 'NobodyNamed', message: `spec.notify is empty: ${withoutPart(settings)}` };
  }
  const { receivers, untold } = part;
  const said = `alerts of this hall are sent as ${receivers.length} entries of spec.notify say`;
  const gap =
    untold.length === 0
      ? ''
      : `; of severity ${untold.join(' and ')} some or all reach nobody, because no entry takes every one of them and the settings of the operator name no receiver in notify.platform`;
  return { routed: true, reason: 'Routed', message: `${said}${gap}` };
}

const withoutPart = (settings: NotifySettings): string =>
  fallbackReceiver(settings) === nobody
    ? 'alerts of this hall reach nobody, because the settings of the operator name no receiver in notify.platform'
    : 'alerts of this hall go to the platform receivers';

function refused(problems: readonly string[], kept: HallPart | undefined, settings: NotifySettings): HallRouting {
  const shown = problems.slice(0, problemsShownMax);
  const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more problems` : '';
  const all = `${shown.join('; ')}${more}`;
  return kept === undefined
    ? { routed: false, reason: 'NotRouted', message: `${all}. Until then ${withoutPart(settings)}.` }
    : { routed: false, reason: 'LastGoodKept', message: `${all}. Until then alerts are sent as before the change.` };
}

/** A condition's message may have 32,768 characters. */
const problemsShownMax = 50;

function assemble(parts: readonly HallPart[], settings: NotifySettings): AlertmanagerConfig {
  return {
    global: globalOf(settings),
    templates: [templateFile],
    route: rootRoute(parts, settings),
    inhibit_rules: inhibitRules(settings.alertmanager),
    receivers: [...ownReceivers(settings), ...parts.flatMap(({ receivers }) => receivers)],
    time_intervals: parts.flatMap(({ timeIntervals }) => timeIntervals),
  };
}

function globalOf({ smtp, telegram }: NotifySettings): Readonly<Record<string, unknown>> {
  const mail =
    smtp === undefined
      ? {}
      : {
          smtp_smarthost: smtp.smarthost,
          smtp_from: smtp.from,
          smtp_require_tls: smtp.requireTls,
          ...(smtp.auth === undefined ? {} : { smtp_auth_username: smtp.auth.username, smtp_auth_password: smtp.auth.password.reveal() }),
        };
  return { ...mail, telegram_api_url: telegram.apiUrl };
}

/** The Watchdog first: nothing a Hall asks for may come before it. Then one route a hall; what fits none is the platform's. */
function rootRoute(parts: readonly HallPart[], settings: NotifySettings): Route {
  const { watchdogUrl, timing } = settings;
  const watchdog: Route = {
    receiver: watchdogUrl === undefined ? nobody : 'watchdog',
    matchers: [formatMatcher({ label: 'alertname', operator: '=', value: 'HallkeeperWatchdog' })],
    group_wait: '0s',
    // Every minute. A repeat is sent at the first look at the group (each interval of the group) after the last one is older than the
    // interval of repeats: were both the same, that would be every second look.
    group_interval: '1m',
    repeat_interval: '50s',
  };
  return {
    receiver: fallbackReceiver(settings),
    // One message for one problem in one hall, not one for every terminal.
    group_by: ['alertname', 'hall'],
    group_wait: formatDuration(timing.groupWaitMs),
    group_interval: formatDuration(timing.groupIntervalMs),
    repeat_interval: formatDuration(timing.repeatIntervalMs),
    routes: [watchdog, ...parts.map(({ route }) => route)],
  };
}

function ownReceivers(settings: NotifySettings): readonly Receiver[] {
  const { platform: told, watchdogUrl } = settings;
  const email = told.email.length === 0 ? {} : { email_configs: [emailConfig(told.email, settings)] };
  const telegram =
    told.telegram === undefined
      ? {}
      : { telegram_configs: [telegramConfig(told.telegram.chatID, told.telegram.botToken.reveal(), settings)] };
  return [
    { name: nobody },
    { name: platform, ...email, ...telegram },
    ...(watchdogUrl === undefined
      ? []
      : [{ name: 'watchdog', webhook_configs: [{ url: watchdogUrl.reveal(), send_resolved: false, max_alerts: 1 }] }]),
  ];
}

/** Names of inhibition rules exist since 0.30; before, an unknown field makes the whole configuration invalid. */
const inhibitionNamesMinor = 30;

function inhibitRules({ major, minor }: AlertmanagerVersion): readonly InhibitRule[] {
  const named = major > 0 || minor >= inhibitionNamesMinor;
  return inhibitions.map(({ name, source, target, equal }) => ({
    ...(named ? { name } : {}),
    source_matchers: source.map(formatMatcher),
    target_matchers: target.map(formatMatcher),
    equal,
  }));
}
