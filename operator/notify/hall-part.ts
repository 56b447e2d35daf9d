import { load } from 'js-yaml';
import type { Secret } from '#lib/base/secret.ts';
import { toTimeWindows } from './active-times.ts';
import type { AlertmanagerConfig, Receiver, Route, TimeInterval } from './alertmanager-config.ts';
import { checkEntries } from './check-notify.ts';
import type { CheckedEntry } from './check-notify.ts';
import type { HallNotify } from './hall-notify.ts';
import { formatMatcher } from './inhibitions.ts';
import { emailConfig, telegramConfig } from './receivers.ts';
import type { NotifySettings } from './settings.ts';

/**
 * What one Hall adds to the configuration. Its receivers and intervals are named `<hall>/<entry>`; neither name can hold a slash, so two
 * halls never collide, and never with the receivers of the platform.
 */
export interface HallPart {
  readonly route: Route;
  readonly receivers: readonly Receiver[];
  readonly timeIntervals: readonly TimeInterval[];
  /** Severities of which nobody is told, whatever the component: no entry takes all of them, and the platform names nobody. */
  readonly untold: readonly string[];
}

export type HallPartOutcome =
  { readonly ok: true; readonly part: HallPart | undefined } | { readonly ok: false; readonly problems: readonly string[] };

/** Where alerts end of which nobody wants to be told. */
export const nobody = 'nobody';
/** Who is told of what no entry of a Hall takes, and of what belongs to no hall. */
export const platform = 'platform';

/** The receiver of everything that nobody asked for: the platform, where somebody is named. */
export function fallbackReceiver({ platform: { email, telegram } }: NotifySettings): typeof platform | typeof nobody {
  return email.length > 0 || telegram !== undefined ? platform : nobody;
}

/** The severities that our rules have and that a person is told of. */
const severities = ['critical', 'warning'] as const;

/** Makes the part of one Hall, whole or not at all. Undefined when the Hall tells nobody. */
export function makeHallPart(hall: string, notify: HallNotify, settings: NotifySettings): HallPartOutcome {
  const checked = checkEntries(hall, notify, settings);
  if (!checked.ok) return checked;
  if (checked.entries.length === 0) return { ok: true, part: undefined };
  const receivers = checked.entries.map((entry) => receiverOf(hall, entry, settings));
  const timeIntervals = checked.entries.flatMap((entry) => timeIntervalOf(hall, entry, notify.timeZone));
  return {
    ok: true,
    part: { route: routeOf(hall, checked.entries, settings), receivers, timeIntervals, untold: untoldOf(checked.entries, settings) },
  };
}

function untoldOf(entries: readonly CheckedEntry[], settings: NotifySettings): readonly string[] {
  if (fallbackReceiver(settings) !== nobody) return [];
  const whole = entries.filter(({ components }) => components.length === 0);
  return severities.filter((severity) => !whole.some((entry) => entry.severities.length === 0 || entry.severities.includes(severity)));
}

/**
 * Every route starts with the hall, so that no entry can reach the alerts of another; `match` only narrows. What no entry takes is the
 * platform's: an alert must not vanish because nobody thought of its severity.
 */
function routeOf(hall: string, entries: readonly CheckedEntry[], settings: NotifySettings): Route {
  const own = formatMatcher({ label: 'hall', operator: '=', value: hall });
  return {
    receiver: fallbackReceiver(settings),
    matchers: [own],
    routes: entries.map((entry) => ({
      receiver: `${hall}/${entry.name}`,
      matchers: [own, ...narrowing('severity', entry.severities), ...narrowing('component', entry.components)],
      ...(entry.activeTimes.length === 0 ? {} : { active_time_intervals: [`${hall}/${entry.name}`] }),
      continue: true,
    })),
  };
}

/** The values are checked names, so nothing in them means anything to a regular expression. */
function narrowing(label: string, values: readonly string[]): readonly string[] {
  return values.length === 0 ? [] : [formatMatcher({ label, operator: '=~', value: values.join('|') })];
}

function receiverOf(hall: string, { name, email, telegram }: CheckedEntry, settings: NotifySettings): Receiver {
  return {
    name: `${hall}/${name}`,
    ...(email === undefined ? {} : { email_configs: [emailConfig(email, settings)] }),
    ...(telegram === undefined ? {} : { telegram_configs: [telegramConfig(telegram.chatId, telegram.botToken.reveal(), settings)] }),
  };
}

function timeIntervalOf(hall: string, { name, activeTimes }: CheckedEntry, timeZone: string): readonly TimeInterval[] {
  const windows = activeTimes.length === 0 ? undefined : toTimeWindows(activeTimes, timeZone);
  return windows?.ok === true ? [{ name: `${hall}/${name}`, time_intervals: windows.windows }] : [];
}

/**
 * The parts of a configuration that we wrote before, by hall: the last good ones. What depends on the settings is made anew from them, so
 * that a part kept for long cannot break the configuration. A text that is not ours, or cannot be read, has no parts.
 */
export function readHallParts(previous: Secret | undefined, settings: NotifySettings): ReadonlyMap<string, HallPart> {
  const parts = new Map<string, HallPart>();
  const config = previous === undefined ? undefined : parse(previous.reveal());
  const receivers = listOf(config?.receivers);
  const timeIntervals = listOf(config?.time_intervals);
  for (const route of listOf(config?.route?.routes)) {
    const hall = /^hall="([a-z0-9.-]+)"$/.exec(route.matchers?.[0] ?? '')?.[1];
    if (hall === undefined || route.matchers?.length !== 1) continue;
    const isOurs = ({ name }: { readonly name: string }): boolean => name.startsWith(`${hall}/`);
    parts.set(hall, {
      route: { ...route, receiver: fallbackReceiver(settings) },
      untold: [],
      receivers: receivers.filter(isOurs).map((receiver) => refresh(receiver, settings)),
      timeIntervals: timeIntervals.filter(isOurs),
    });
  }
  return parts;
}

/** Without a mail server a mail receiver makes Alertmanager refuse everything; so it is left out, and the rest goes on. */
function refresh({ name, email_configs, telegram_configs }: Receiver, settings: NotifySettings): Receiver {
  const email = settings.smtp === undefined ? [] : listOf(email_configs);
  return {
    name,
    ...(email.length === 0 ? {} : { email_configs: email.map(({ to }) => emailConfig(to.split(', '), settings)) }),
    ...(telegram_configs === undefined
      ? {}
      : { telegram_configs: telegram_configs.map(({ chat_id, bot_token }) => telegramConfig(chat_id, bot_token, settings)) }),
  };
}

const listOf = <T>(value: readonly T[] | undefined): readonly T[] => (Array.isArray(value) ? (value as readonly T[]) : []);

function parse(text: string): Partial<AlertmanagerConfig> | undefined {
  try {
    const value = load(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
