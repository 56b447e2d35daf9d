import { aHall } from './builders.ts';
import { duration, pattern } from './rule-example.ts';
import type { KindExamples } from './rule-example.ts';

const secret = { name: 'bot', key: 'token' };
const window = { days: ['Monday' as const], from: '08:00', to: '02:00' };
const money = { amountMinor: 10_000, currency: 'EUR' };
const condition = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'Delivered', message: '' };

const base = {
  ...aHall({
    spec: {
      displayName: 'Hall Seven',
      address: '7 Harbour Street',
      serviceHours: [window],
      heartbeat: { interval: '1s', offlineAfter: '5s', hungAfter: '10s' },
      offlinePolicy: { play: 'Allow', payouts: 'Allow', maxPayout: money, maxPayoutsTotal: { ...money, amountMinor: 50_000 } },
      channels: [{ name: 'lte', endpoint: 'hall7.example.org:7443', resolver: '10.20.0.53', priority: 10 }],
      notify: [
        {
          name: 'night-shift',
          match: { severity: ['critical'], component: ['pair'] },
          email: { to: ['night@example.org'] },
          telegram: { chatID: -1001234567890, botTokenSecretRef: secret },
          sms: { numbers: ['+491701234567'] },
          activeTimes: [window],
        },
      ],
      maintenance: [{ from: '2026-05-01T22:00:00Z', until: '2026-05-02T04:00:00Z', reason: 'new carpet', terminals: ['t-001'] }],
      enrolment: { mode: 'Approved', tokenSecretRef: secret },
    },
  }),
  status: { conditions: [condition], failoverReady: 'True' },
};

export const hallExamples: KindExamples = {
  base,
  examples: [
    {
      at: '',
      rule: 'the name of a Hall',
      accepted: { 'metadata.name': 'h'.repeat(63) },
      refused: { 'metadata.name': 'hall.seven' },
    },
    pattern('spec.timeZone', 'America/Argentina/Ushuaia', '+02:00'),
    {
      at: 'spec.timeZone',
      rule: 'timeZone must be',
      accepted: { 'spec.timeZone': 'Asia/Kathmandu' },
      refused: { 'spec.timeZone': 'Europe/Atlantis' },
    },
    ...['spec.serviceHours[]', 'spec.notify[].activeTimes[]'].flatMap((at) => [
      {
        at,
        rule: 'from and to are equal',
        accepted: { [`${at}.from`]: '00:00', [`${at}.to`]: '24:00' },
        refused: { [`${at}.from`]: '08:00', [`${at}.to`]: '08:00' },
      },
      pattern(`${at}.from`, '23:59', '24:00'),
      pattern(`${at}.to`, '24:00', '24:30'),
    ]),
    {
      at: 'spec.heartbeat',
      rule: 'offlineAfter must be at least twice',
      accepted: { 'spec.heartbeat': { interval: '2500ms' } },
      refused: { 'spec.heartbeat': { interval: '2501ms' } },
    },
    {
      at: 'spec.heartbeat',
      rule: 'hungAfter must be at least twice',
      accepted: { 'spec.heartbeat': { hungAfter: '2s' } },
      refused: { 'spec.heartbeat': { hungAfter: '1999ms' } },
    },
    ...duration('spec.heartbeat.interval', '200ms', '199ms', '200ms to 1m'),
    ...duration('spec.heartbeat.offlineAfter', '1h', '1h1ms', '1s to 1h'),
    ...duration('spec.heartbeat.hungAfter', '2s', '900ms', '1s to 1h'),
    ...duration('spec.heartbeat.grace', '0s', '11m', '0s to 10m'),
    ...duration('spec.heartbeat.startTimeout', '1m30s', '61m', '1s to 1h'),
    {
      at: 'spec.offlinePolicy',
      rule: 'payouts: Allow needs',
      accepted: { 'spec.offlinePolicy': { payouts: 'Deny' } },
      refused: { 'spec.offlinePolicy': { payouts: 'Allow', maxPayout: money } },
    },
    {
      at: 'spec.offlinePolicy',
      rule: 'maxPayout must be in the currency',
      accepted: { 'spec.offlinePolicy.maxPayoutsTotal': money },
      refused: { 'spec.offlinePolicy.maxPayoutsTotal': { amountMinor: 10_000, currency: 'CHF' } },
    },
    ...duration('spec.offlinePolicy.maxDuration', '720h', '721h', '1m to 720h'),
    {
      at: 'spec.offlinePolicy.maxPayout.currency',
      rule: 'pattern',
      accepted: { 'spec.offlinePolicy.maxPayout.currency': 'CHF', 'spec.offlinePolicy.maxPayoutsTotal.currency': 'CHF' },
      refused: { 'spec.offlinePolicy.maxPayout.currency': 'eur' },
    },
    {
      at: 'spec.offlinePolicy.maxPayoutsTotal.currency',
      rule: 'pattern',
      accepted: { 'spec.offlinePolicy.maxPayout.currency': 'CHF', 'spec.offlinePolicy.maxPayoutsTotal.currency': 'CHF' },
      refused: { 'spec.offlinePolicy.maxPayoutsTotal.currency': 'eur' },
    },
    pattern('spec.channels[].name', 'second-network', 'LTE'),
    pattern('spec.channels[].endpoint', '[2001:db8::7]:7443', 'hall7.example.org'),
    {
      at: 'spec.channels[].resolver',
      rule: 'resolver must be',
      accepted: { 'spec.channels[].resolver': '2001:db8::53' },
      refused: { 'spec.channels[].resolver': 'ns1.example.org' },
    },
    {
      at: 'spec.notify[]',
      rule: 'add email, telegram or sms',
      accepted: { 'spec.notify': [{ name: 'owner', sms: { numbers: ['+491701234567'] } }] },
      refused: { 'spec.notify': [{ name: 'owner' }] },
    },
    pattern('spec.notify[].name', 'owner', 'Night Shift'),
    pattern('spec.notify[].match.component[]', 'terminal', 'Terminal'),
    pattern('spec.notify[].email.to[]', 'on.call+hall7@example.org', 'On Call <oncall@example.org>'),
    {
      at: 'spec.notify[].telegram.chatID',
      rule: 'chatID must be',
      accepted: { 'spec.notify[].telegram.chatID': 4711 },
      refused: { 'spec.notify[].telegram.chatID': 0 },
    },
    pattern('spec.notify[].telegram.botTokenSecretRef.key', 'bot.token', 'bot/token'),
    pattern('spec.notify[].sms.numbers[]', '+15550100', '0170 1234567'),
    {
      at: 'spec.maintenance[]',
      rule: 'until must be later',
      accepted: { 'spec.maintenance[].until': '2026-05-01T22:00:01Z' },
      refused: { 'spec.maintenance[].until': '2026-05-01T22:00:00Z' },
    },
    {
      at: 'spec.enrolment',
      rule: 'mode: Approved needs',
      accepted: { 'spec.enrolment': { mode: 'Manual' } },
      refused: { 'spec.enrolment': { mode: 'Approved' } },
    },
    pattern('spec.enrolment.tokenSecretRef.key', 'token', 'to ken'),
    pattern('status.conditions[].reason', 'PairTaken', 'pair is taken'),
  ],
};
