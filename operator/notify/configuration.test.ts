import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import type { HallNotify as NotifyEntryOfApi } from '#lib/api/hall.gen.ts';
import { Secret } from '#lib/base/secret.ts';
import type { AlertmanagerConfig, Route } from './alertmanager-config.ts';
import { notifyConfiguration } from './configuration.ts';
import type { NotifyOutcome } from './configuration.ts';
import { botTokenRefs } from './hall-notify.ts';
import type { HallNotify, NotifyEntry } from './hall-notify.ts';
import { exampleToken, hallNotify, mailEntry, settings, telegramEntry } from './testing/examples.ts';

const read = ({ configuration }: NotifyOutcome): AlertmanagerConfig => load(configuration.reveal()) as AlertmanagerConfig;
const make = (halls: Readonly<Record<string, HallNotify>>, previous?: Secret, over: Parameters<typeof settings>[0] = {}): NotifyOutcome =>
  notifyConfiguration({ halls: new Map(Object.entries(halls)), settings: settings(over), ...(previous === undefined ? {} : { previous }) });
const badEntry: NotifyEntry = { name: 'managers', email: { to: ['not an address'] } };

for (const [gate, minor] of [
  ['0.25', 25],
  ['0.30', 30],
] as const) {
  test(`the configuration for Alertmanager ${gate} is the golden one`, () => {
    const halls = { north: hallNotify([mailEntry, telegramEntry]), south: hallNotify([mailEntry]), west: hallNotify([]) };
    const watchdogUrl = new Secret('https://deadman.example.com/ping/abc');
    const { configuration } = make(halls, undefined, { alertmanager: { major: 0, minor }, watchdogUrl });
    const golden = new URL(`golden/alertmanager-${gate}.yaml`, import.meta.url);
    expect(configuration.reveal()).toBe(readFileSync(golden, 'utf8'));
  });
}

test('every route of a hall starts with that hall, and match adds matchers only', () => {
  const config = read(make({ north: hallNotify([mailEntry, telegramEntry]), south: hallNotify([telegramEntry]) }));
  const halls = (config.route.routes ?? []).slice(1);
  expect(halls).toHaveLength(2);
  for (const [index, hall] of ['north', 'south'].entries()) {
    const all = (route: Route): readonly Route[] => [route, ...(route.routes ?? []).flatMap(all)];
    for (const route of all(halls[index] as Route)) expect(route.matchers?.[0]).toBe(`hall="${hall}"`);
  }
});

test('two halls with the same entry name have receivers and intervals of their own', () => {
  const config = read(make({ north: hallNotify([telegramEntry]), south: hallNotify([telegramEntry]) }));
  expect(config.receivers.map(({ name }) => name)).toEqual(['nobody', 'platform', 'north/on-call', 'south/on-call']);
  expect(config.time_intervals.map(({ name }) => name)).toEqual(['north/on-call', 'south/on-call']);
});

test('a hall whose change is refused keeps its last good part, and other halls change', () => {
  const first = make({ north: hallNotify([mailEntry]), south: hallNotify([mailEntry]) });
  const second = make({ north: hallNotify([badEntry]), south: hallNotify([telegramEntry]) }, first.configuration);
  expect(second.halls.get('north')).toMatchObject({ routed: false, reason: 'LastGoodKept' });
  expect(second.halls.get('north')?.message).toContain('"not an address"; write a plain address');
  expect(second.halls.get('south')).toMatchObject({ routed: true, reason: 'Routed' });
  const config = read(second);
  expect(config.receivers.find(({ name }) => name === 'north/managers')?.email_configs?.[0]?.to).toBe('anna@example.com, bo@example.com');
  expect(config.receivers.map(({ name }) => name)).toEqual(['nobody', 'platform', 'north/managers', 'south/on-call']);
  // Kept again and again, it stays the same byte for byte.
  const third = make({ north: hallNotify([badEntry]), south: hallNotify([telegramEntry]) }, second.configuration);
  expect(third.configuration.reveal()).toBe(second.configuration.reveal());
});

test('a last good part follows the settings: without a mail server its mail is left out, its Telegram stays', () => {
  const both: NotifyEntry = { ...mailEntry, telegram: { chatID: 7, botTokenSecretRef: { name: 'bot', key: 'token' } } };
  const { smtp: _, ...withoutMail } = settings();
  const first = make({ north: hallNotify([both]) });
  const wish = { halls: new Map([['north', hallNotify([both])]]), settings: { ...withoutMail, platform: { email: [] } } };
  const second = notifyConfiguration({ ...wish, previous: first.configuration });
  expect(second.halls.get('north')?.message).toContain('set notify.smtp there');
  const receiver = read(second).receivers.find(({ name }) => name === 'north/managers');
  expect(receiver?.email_configs).toBeUndefined();
  expect(receiver?.telegram_configs).toHaveLength(1);
});

test('a hall refused from the start has no part, so that the platform is told of its alerts', () => {
  const made = make({ north: hallNotify([badEntry]) });
  expect(made.halls.get('north')).toMatchObject({ routed: false, reason: 'NotRouted' });
  expect(read(made).route.receiver).toBe('platform');
  expect(read(made).route.routes).toHaveLength(1);
});

test.each([
  { entries: [{ severity: ['warning'] }], untold: 'critical' },
  { entries: [{ severity: ['critical'] }, { severity: ['warning'], component: ['pair'] }], untold: 'warning' },
  { entries: [{ component: ['pair'] }], untold: 'critical and warning' },
  { entries: [{ severity: ['critical'] }, { severity: ['warning'] }], untold: undefined },
  { entries: [{}], untold: undefined },
])('what no entry takes goes to the platform, and without one the condition names it: $untold', ({ entries, untold }) => {
  const halls = { north: hallNotify(entries.map((match, index) => ({ ...mailEntry, name: `entry-${index}`, match }))) };
  const withPlatform = make(halls);
  expect(read(withPlatform).route.routes?.[1]?.receiver).toBe('platform');
  expect(withPlatform.halls.get('north')?.message).not.toContain('nobody');
  const without = make(halls, undefined, { platform: { email: [] } });
  expect(read(without).route.routes?.[1]?.receiver).toBe('nobody');
  const said = without.halls.get('north');
  expect(said).toMatchObject({ routed: true, reason: 'Routed' });
  if (untold === undefined) expect(said?.message).not.toContain('nobody');
  else expect(said?.message).toContain(`of severity ${untold} some or all reach nobody`);
});

test('a last good part is given to the platform when one is named later', () => {
  const first = make({ north: hallNotify([mailEntry]) }, undefined, { platform: { email: [] } });
  const second = make({ north: hallNotify([badEntry]) }, first.configuration);
  expect(read(second).route.routes?.[1]?.receiver).toBe('platform');
});

test('without a platform the condition of a Hall that names nobody, or was refused, does not promise one', () => {
  const made = make({ empty: hallNotify([]), bad: hallNotify([badEntry]) }, undefined, { platform: { email: [] } });
  for (const hall of ['empty', 'bad']) expect(made.halls.get(hall)?.message).toContain('alerts of this hall reach nobody');
});

test('the Watchdog is repeated at each look at its group: its repeats are due before the next one', () => {
  const watchdog = read(make({}, undefined, { watchdogUrl: new Secret('https://deadman.example.com/') })).route.routes?.[0];
  expect(watchdog).toMatchObject({ receiver: 'watchdog', group_interval: '1m', repeat_interval: '50s' });
});

test('a deleted bot token keeps the route with the old one', () => {
  const first = make({ north: hallNotify([telegramEntry]) });
  const second = make({ north: hallNotify([telegramEntry], { botTokens: new Map() }) }, first.configuration);
  expect(second.halls.get('north')).toMatchObject({ reason: 'LastGoodKept' });
  expect(second.configuration.reveal()).toBe(first.configuration.reveal());
});

test('a hall that is gone leaves nothing behind', () => {
  const first = make({ north: hallNotify([mailEntry]) });
  expect(make({}, first.configuration).configuration.reveal()).not.toContain('north');
});

test('a hall whose name nobody is decided to have keeps its part, and nothing is said of it', () => {
  const halls = { north: hallNotify([mailEntry]), south: hallNotify([telegramEntry]), west: hallNotify([mailEntry]) };
  const first = make(halls);
  const { north, south } = halls;
  const wish = { halls: new Map(Object.entries({ north, south })), undecided: new Set(['new', 'west']), settings: settings() };
  const second = notifyConfiguration({ ...wish, previous: first.configuration });
  expect(second.configuration.reveal()).toBe(first.configuration.reveal());
  expect([...second.halls.keys()]).toEqual(['north', 'south']);
});

test('a previous text that is not ours has no parts', () => {
  for (const text of ['', '- a', ': {', 'route: 5', 'route: {routes: [{matchers: [\'hall="north"\', \'a="b"\']}]}\nreceivers: 3']) {
    expect(make({ north: hallNotify([badEntry]) }, new Secret(text)).halls.get('north')?.reason).toBe('NotRouted');
  }
});

const refusals = [
  { entry: { ...mailEntry, name: 'Managers!' }, says: 'the name may have lower-case letters' },
  { entry: { name: 'a' }, says: 'nobody is named; add email or telegram' },
  { entry: { name: 'a', email: { to: [] } }, says: 'email.to must have 1 to 50 addresses' },
  { entry: { name: 'a', email: { to: ['{{ template "x" }}@a.b'] } }, says: 'write a plain address' },
  { entry: { name: 'a', email: { to: ['a@b.c, d@e.f'] } }, says: 'write a plain address' },
  { entry: { name: 'a', sms: { numbers: ['+491'] } }, says: 'use email or telegram' },
  { entry: { ...mailEntry, match: { severity: ['.*'] } }, says: 'match.severity has ".*"' },
  { entry: { ...mailEntry, match: { component: ['a"b'] } }, says: 'match.component has "a\\"b"' },
  { entry: { ...telegramEntry, telegram: { chatID: 'me', botTokenSecretRef: { name: 'bot', key: 'token' } } }, says: 'number of the chat' },
  { entry: { ...telegramEntry, telegram: { chatID: 1, botTokenSecretRef: { name: 'bot', key: 'no' } } }, says: 'key "no", does not exist' },
  {
    entry: { ...mailEntry, activeTimes: [{ days: ['Fun'], from: '9:00', to: '25:00' }] },
    says: 'names the day "Fun"; write Monday or Mon',
  },
  { entry: { ...mailEntry, activeTimes: [{ from: '09:00', to: '09:00' }] }, says: 'for the whole day write 00:00 to 24:00' },
] as const;
for (const { entry, says } of refusals) {
  test(`refused with advice: ${says}`, () => {
    expect(make({ north: hallNotify([entry]) }).halls.get('north')?.message).toContain(says);
  });
}

test('one answer names every problem', () => {
  const message = make({ north: hallNotify([badEntry, badEntry, { name: 'b' }]) }).halls.get('north')?.message ?? '';
  expect(message).toContain('two entries are named "managers"');
  expect(message).toContain('not an address');
  expect(message).toContain('notify "b": nobody is named');
});

test('a token never shows, not even a malformed one', () => {
  const token = new Secret('secret-token\n');
  const made = make({ north: hallNotify([telegramEntry], { botTokens: new Map([['bot/token', token]]) }) });
  expect(made.halls.get('north')?.message).toContain('is no bot token');
  expect(inspect(made, { depth: 9 })).not.toContain('secret-token');
  expect(JSON.stringify(make({ north: hallNotify([telegramEntry]) }))).not.toContain(exampleToken);
});

test('more than a Secret can hold is refused as a whole', () => {
  const long = {
    ...mailEntry,
    email: { to: Array.from({ length: 50 }, (_, index) => `${'x'.repeat(60)}${index}@${'d'.repeat(150)}.example`) },
  };
  const halls = Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [
      `h${index}`,
      hallNotify([{ ...long, email: { to: long.email.to.map((to) => to.slice(3)) } }]),
    ]),
  );
  expect(() => make(halls)).toThrow(expect.objectContaining({ code: 'HK_NOTIFY_TOO_LARGE' }));
});

test('an entry as the API server gives it fits', () => {
  const entry: NotifyEntryOfApi = {
    name: 'on-call',
    match: { severity: ['critical'] },
    email: { to: ['anna@example.com'] },
    activeTimes: [{ days: ['Friday'], from: '22:00', to: '06:00' }],
  };
  expect(make({ north: hallNotify([entry]) }).halls.get('north')).toMatchObject({ routed: true });
});

test('the Secrets to read are named once each', () => {
  expect(botTokenRefs([mailEntry, telegramEntry, { ...telegramEntry, name: 'b' }])).toEqual([{ name: 'bot', key: 'token' }]);
});
