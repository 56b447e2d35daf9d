import * as fc from 'fast-check';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import type { AlertmanagerConfig, Route } from './alertmanager-config.ts';
import { notifyConfiguration } from './configuration.ts';
import type { NotifyEntry } from './hall-notify.ts';
import { hallNotify, mailEntry, settings, telegramEntry } from './testing/examples.ts';

/** Whatever a Hall may hold if no admission rule had looked at it. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('a', 'critical', 'a@b.c', '{{ . }}', 'hall="south"', '"', '\n'),
);
const anyTexts = fc.array(anyText, { maxLength: 3 });
const anyEntry: fc.Arbitrary<NotifyEntry> = fc.record(
  {
    name: fc.oneof(anyText, fc.constantFrom('managers', 'x')),
    match: fc.record({ severity: anyTexts, component: anyTexts }, { requiredKeys: [] }),
    email: fc.record({ to: anyTexts }),
    telegram: fc.record({
      chatID: fc.oneof(fc.integer(), anyText),
      botTokenSecretRef: fc.record({ name: fc.constantFrom('bot', 'other'), key: fc.constantFrom('token', 'none') }),
    }),
    activeTimes: fc.array(fc.record({ days: anyTexts, from: anyText, to: anyText }), { maxLength: 2 }),
  },
  { requiredKeys: ['name'] },
);

const south = hallNotify([mailEntry, telegramEntry]);
const partOf = (config: AlertmanagerConfig, hall: string): unknown => ({
  route: config.route.routes?.filter(({ matchers }) => matchers?.[0] === `hall="${hall}"`),
  receivers: config.receivers.filter(({ name }) => name.startsWith(`${hall}/`)),
  intervals: config.time_intervals.filter(({ name }) => name.startsWith(`${hall}/`)),
});
const configOf = (text: Secret): AlertmanagerConfig => load(text.reveal()) as AlertmanagerConfig;
const routesBelow = (route: Route): readonly Route[] => [route, ...(route.routes ?? []).flatMap(routesBelow)];

test('whatever one Hall asks for, its routes begin with it, and the part of another Hall stays the same', () => {
  const alone = notifyConfiguration({ halls: new Map([['south', south]]), settings: settings() });
  const expected = partOf(configOf(alone.configuration), 'south');
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 4 }), fc.boolean(), (notify, hasLastGood) => {
      const before = notifyConfiguration({ halls: new Map([['north', hallNotify([mailEntry])]]), settings: settings() });
      const halls = new Map([
        ['north', hallNotify(notify)],
        ['south', south],
      ]);
      const made = notifyConfiguration({ halls, settings: settings(), ...(hasLastGood ? { previous: before.configuration } : {}) });
      const config = configOf(made.configuration);
      expect(partOf(config, 'south')).toEqual(expected);
      const [, ...rest] = config.route.routes ?? [];
      for (const top of rest) {
        for (const route of routesBelow(top)) expect(route.matchers?.[0]).toMatch(/^hall="(north|south)"$/);
      }
      const names = config.receivers.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const route of routesBelow(config.route)) expect(names).toContain(route.receiver);
    }),
    { numRuns: 300 },
  );
});

test('every secret and address reads back from the YAML as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (password) => {
      const smtp = { smarthost: 'mail:25', from: 'a@b.c', requireTls: true, auth: { username: password, password: new Secret(password) } };
      const { configuration } = notifyConfiguration({ halls: new Map(), settings: settings({ smtp }) });
      expect(configOf(configuration).global['smtp_auth_password']).toBe(password);
      expect(configOf(configuration).global['smtp_auth_username']).toBe(password);
    }),
    { numRuns: 300 },
  );
});
