import type { Secret } from '#lib/base/secret.ts';
import { toTimeWindows } from './active-times.ts';
import { secretRefKey } from './hall-notify.ts';
import type { ActiveTime, HallNotify, NotifyEntry } from './hall-notify.ts';
import { mailAddress } from './settings.ts';
import type { NotifySettings } from './settings.ts';

/** An entry of which everything is known and allowed. */
export interface CheckedEntry {
  readonly name: string;
  readonly severities: readonly string[];
  readonly components: readonly string[];
  readonly email?: readonly string[];
  readonly telegram?: { readonly chatId: number; readonly botToken: Secret };
  readonly activeTimes: readonly ActiveTime[];
}

export type CheckOutcome =
  { readonly ok: true; readonly entries: readonly CheckedEntry[] } | { readonly ok: false; readonly problems: readonly string[] };

const entriesMax = 50;
const addressesMax = 50;
const labelValuesMax = 20;
const resourceName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const labelValue = /^[A-Za-z0-9_-]{1,63}$/;
const botTokenShape = /^\d{1,20}:[A-Za-z0-9_-]{20,100}$/;

/** Checks what a Hall wants; one answer names every problem and what to do. Tokens are never quoted. */
export function checkEntries(hall: string, notify: HallNotify, settings: NotifySettings): CheckOutcome {
  const problems: string[] = [];
  if (!resourceName.test(hall)) problems.push(`the hall's name ${JSON.stringify(hall)} is not a resource name`);
  if (notify.notify.length > entriesMax) problems.push(`notify has more than ${entriesMax} entries; join some`);
  const names = notify.notify.map(({ name }) => name);
  for (const name of new Set(names)) {
    if (names.indexOf(name) !== names.lastIndexOf(name)) problems.push(`two entries are named ${JSON.stringify(name)}; rename one`);
  }
  const entries = notify.notify.slice(0, entriesMax).map((entry) => {
    const found: string[] = [];
    const checked = checkEntry(entry, notify, settings, found);
    problems.push(...found.map((problem) => `notify ${JSON.stringify(entry.name)}: ${problem}`));
    return checked;
  });
  return problems.length === 0 ? { ok: true, entries } : { ok: false, problems };
}

function checkEntry(entry: NotifyEntry, notify: HallNotify, settings: NotifySettings, problems: string[]): CheckedEntry {
  if (!resourceName.test(entry.name)) problems.push('the name may have lower-case letters, digits, hyphens and dots only');
  if (entry.email === undefined && entry.telegram === undefined && entry.sms === undefined) {
    problems.push('nobody is named; add email or telegram');
  }
  if (entry.sms !== undefined) problems.push('sms needs the SMS bridge, which is not part of this release; use email or telegram');
  const times = toTimeWindows(entry.activeTimes ?? [], notify.timeZone);
  if (!times.ok && entry.activeTimes !== undefined && entry.activeTimes.length > 0) problems.push(...times.problems);
  const telegram = checkTelegram(entry, notify, problems);
  return {
    name: entry.name,
    severities: checkLabelValues('severity', entry.match?.severity, problems),
    components: checkLabelValues('component', entry.match?.component, problems),
    ...(entry.email === undefined ? {} : { email: checkEmail(entry.email.to, settings, problems) }),
    ...(telegram === undefined ? {} : { telegram }),
    activeTimes: entry.activeTimes ?? [],
  };
}

function checkEmail(to: readonly string[], { smtp }: NotifySettings, problems: string[]): readonly string[] {
  if (smtp === undefined) problems.push("email cannot be sent: the operator's settings name no mail server; set notify.smtp there");
  if (to.length === 0 || to.length > addressesMax) problems.push(`email.to must have 1 to ${addressesMax} addresses`);
  for (const address of to) {
    if (!mailAddress.test(address))
      problems.push(`email.to has ${JSON.stringify(address)}; write a plain address such as name@example.com`);
  }
  return to;
}

function checkTelegram(entry: NotifyEntry, notify: HallNotify, problems: string[]): CheckedEntry['telegram'] {
  if (entry.telegram === undefined) return undefined;
  const { chatID, botTokenSecretRef } = entry.telegram;
  const chatId = /^-?\d{1,15}$/.test(String(chatID)) ? Number(chatID) : 0;
  if (chatId === 0) problems.push(`telegram.chatID is ${JSON.stringify(chatID)}; write the number of the chat, negative for a group`);
  const botToken = notify.botTokens.get(secretRefKey(botTokenSecretRef));
  const where = `the Secret ${JSON.stringify(botTokenSecretRef.name)}, key ${JSON.stringify(botTokenSecretRef.key)},`;
  if (botToken === undefined) problems.push(`${where} does not exist; create it with the token of the bot`);
  else if (!botTokenShape.test(botToken.reveal())) {
    problems.push(`${where} is no bot token; it looks like 110201543:AAHd… and has no line end`);
  }
  return botToken === undefined ? undefined : { chatId, botToken };
}

function checkLabelValues(field: string, values: readonly string[] | undefined, problems: string[]): readonly string[] {
  const found = values ?? [];
  if (found.length > labelValuesMax) problems.push(`match.${field} has more than ${labelValuesMax} values`);
  for (const value of found) {
    if (!labelValue.test(value)) problems.push(`match.${field} has ${JSON.stringify(value)}; letters, digits, _ and - are allowed`);
  }
  return found;
}
