import { expect, test } from 'vitest';
import { reflectorModes, stepReflector } from './decide-reflector.ts';
import type { ReflectorHappening, ReflectorState } from './decide-reflector.ts';
import { aThing } from './testing/objects.ts';
import type { Thing } from './testing/objects.ts';

type State = ReflectorState<Thing>;
type Happening = ReflectorHappening<Thing>;

const a = aThing('a');
const b = aThing('b', { resourceVersion: '9' });
const empty: State = { mode: 'empty' };
const listing: State = { mode: 'listing', pages: [[a]], continueToken: 'more' };
const listed: State = { mode: 'listed', resourceVersion: '5' };
const watching: State = { mode: 'watching', resourceVersion: '5', openedAtMs: 1_000, heard: false };
const failed = (code: 'HK_KUBE_EXPIRED' | 'HK_KUBE_FORBIDDEN' | 'HK_KUBE_BUSY', retryAfterMs?: number): Happening => ({
  what: 'failed',
  error: { code, retryAfterMs },
});

const rows: readonly (readonly [string, State, Happening, number, ReturnType<typeof stepReflector<Thing>>])[] = [
  [
    'a first page that is not the last is kept back',
    empty,
    { what: 'page', items: [a], resourceVersion: '5', continueToken: 'more' },
    0,
    { state: listing },
  ],
  [
    'the last page hands everything over at once',
    listing,
    { what: 'page', items: [b], resourceVersion: '5' },
    0,
    { state: listed, deliver: { do: 'replace', objects: [a, b] } },
  ],
  ['a watch opens where the list ended', listed, { what: 'opening' }, 1_000, { state: watching }],
  [
    'an event is delivered and moves the version',
    watching,
    { what: 'event', event: { type: 'ADDED', object: b } },
    0,
    { state: { ...watching, resourceVersion: '9', heard: true }, deliver: { do: 'put', object: b } },
  ],
  [
    'a change is a put, too',
    watching,
    { what: 'event', event: { type: 'MODIFIED', object: b } },
    0,
    { state: { ...watching, resourceVersion: '9', heard: true }, deliver: { do: 'put', object: b } },
  ],
  [
    'a deletion removes',
    watching,
    { what: 'event', event: { type: 'DELETED', object: b } },
    0,
    { state: { ...watching, resourceVersion: '9', heard: true }, deliver: { do: 'remove', object: b } },
  ],
  [
    'a bookmark moves the version only',
    watching,
    { what: 'event', event: { type: 'BOOKMARK', object: b } },
    0,
    { state: { ...watching, resourceVersion: '9', heard: true } },
  ],
  ['a watch that ends in time is opened again at once', watching, { what: 'ended' }, 2_000, { state: listed }],
  [
    'a watch that ends within a second without a word backs off',
    watching,
    { what: 'ended' },
    1_999,
    { state: listed, pause: { atLeastMs: 0 } },
  ],
  ['a short watch that said something does not', { ...watching, heard: true }, { what: 'ended' }, 1_001, { state: listed }],
  ['a version that is too old lists again at once', watching, failed('HK_KUBE_EXPIRED'), 7, { state: { ...empty, expiredAtMs: 7 } }],
  ['also when the watch does not even open', listed, failed('HK_KUBE_EXPIRED'), 7, { state: { ...empty, expiredAtMs: 7 } }],
  [
    'a version that is too old again within two minutes waits',
    { ...watching, expiredAtMs: 7 },
    failed('HK_KUBE_EXPIRED'),
    120_006,
    { state: { ...empty, expiredAtMs: 120_006 }, pause: { atLeastMs: 0 } },
  ],
  [
    'later it is the first again',
    { ...listed, expiredAtMs: 7 },
    failed('HK_KUBE_EXPIRED'),
    120_007,
    { state: { ...empty, expiredAtMs: 120_007 } },
  ],
  [
    'a wish for a new list is followed, whatever stands',
    { ...watching, expiredAtMs: 7 },
    { what: 'outdated' },
    0,
    { state: { ...empty, expiredAtMs: 7 } },
  ],
  [
    'an expired continue token begins the list again, after a pause',
    listing,
    failed('HK_KUBE_EXPIRED'),
    0,
    { state: empty, pause: { atLeastMs: 0 } },
  ],
  ['a failed page begins the list again', listing, failed('HK_KUBE_BUSY', 7_000), 0, { state: empty, pause: { atLeastMs: 7_000 } }],
  [
    'a broken watch continues where it was',
    { ...watching, resourceVersion: '8' },
    failed('HK_KUBE_BUSY'),
    0,
    { state: { ...listed, resourceVersion: '8' }, pause: { atLeastMs: 0 } },
  ],
  [
    'a missing permission is waited for like any other failure',
    empty,
    failed('HK_KUBE_FORBIDDEN'),
    0,
    { state: empty, pause: { atLeastMs: 0 } },
  ],
];

for (const [behaviour, state, happening, nowMs, expected] of rows) {
  test(behaviour, () => expect(stepReflector(state, happening, nowMs)).toEqual(expected));
}

test('every mode is entered by some row', () => {
  expect(new Set(rows.map(([, , , , { state }]) => state.mode))).toEqual(new Set(reflectorModes));
});

test('what was too old is remembered through a list, a watch and a failure', () => {
  const happenings: readonly Happening[] = [
    { what: 'page', items: [a], resourceVersion: '5', continueToken: 'more' },
    failed('HK_KUBE_BUSY'),
    { what: 'page', items: [a], resourceVersion: '5', continueToken: 'more' },
    { what: 'page', items: [b], resourceVersion: '5' },
    { what: 'opening' },
    { what: 'event', event: { type: 'BOOKMARK', object: b } },
    { what: 'ended' },
    { what: 'opening' },
    failed('HK_KUBE_BUSY'),
  ];
  let state: State = { mode: 'empty', expiredAtMs: 7 };
  for (const happening of happenings) {
    state = stepReflector(state, happening, 5_000).state;
    expect(state.expiredAtMs).toBe(7);
  }
  expect(stepReflector(state, failed('HK_KUBE_EXPIRED'), 5_000).pause).toEqual({ atLeastMs: 0 });
});

test('what cannot happen in a mode changes nothing', () => {
  const event: Happening = { what: 'event', event: { type: 'ADDED', object: a } };
  for (const state of [empty, listing, listed]) expect(stepReflector(state, event, 0)).toEqual({ state });
  const page: Happening = { what: 'page', items: [a], resourceVersion: '7' };
  for (const state of [listed, watching]) expect(stepReflector(state, page, 0)).toEqual({ state });
});
