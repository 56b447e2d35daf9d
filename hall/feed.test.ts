import { expect, test } from 'vitest';
import { stateWord } from '#test/hall/hall-readers.ts';
import { Feed } from './feed.ts';
import type { FeedBody, FeedReader } from './feed.ts';
import type { NumberedChange } from './ledger/ledger-items.ts';
import { emptyRoster } from './roster.ts';

const pairUid = 'pair';
const loaded = {
  roster: { ...emptyRoster, revision: 'r1' },
  terminals: new Map(),
  totals: new Map(),
  feedNumber: 10n,
  epoch: 1n,
  observedToMs: undefined,
  latestMs: 0,
  problems: [],
};
const aFeed = (): Feed => new Feed({ pairUid, epoch: 2n, hall: 'north' }, loaded);

const aTransition = (number: bigint): NumberedChange => ({
  number,
  kind: 'transition',
  transition: {
    kind: 'transition',
    terminal: 't1',
    from: 'online',
    to: 'offline',
    atMs: Number(number),
    decidedAtMs: Number(number),
    why: '',
    fromTotalMs: 0,
    hangs: 0,
  },
});
const range = (from: number, to: number): NumberedChange[] =>
  Array.from({ length: to - from + 1 }, (_none, index) => aTransition(BigInt(from + index)));

/** A reader that takes so many messages before it wants to be drained. */
function aReader(takes = Number.POSITIVE_INFINITY): FeedReader & { bodies: FeedBody[]; told(): string[] } {
  const bodies: FeedBody[] = [];
  const told = (): string[] =>
    bodies.flatMap((body) => {
      if (body.$case === 'snapshot') return [`snapshot ${body.value.number}`];
      if (body.$case === 'changes') return body.value.changes.map(({ number }) => String(number));
      return [body.$case];
    });
  return { bodies, told, write: (body) => bodies.push(body) < takes };
}

test('a new reader gets a snapshot and then each change once', () => {
  const feed = aFeed();
  const reader = aReader();
  feed.follow(reader, undefined);
  feed.publish(range(11, 13));
  feed.publish(range(14, 14));
  expect(reader.told()).toEqual(['snapshot 10', '11', '12', '13', '14']);
});

test.each([
  ['of this reign goes on from there', { pairUid, epoch: 2n, number: 12n }, ['13']],
  ['that is up to date is told so at once', { pairUid, epoch: 2n, number: 13n }, []],
  ['of an older epoch gets a snapshot', { pairUid, epoch: 1n, number: 12n }, ['snapshot 13']],
  ['of another pair gets a snapshot', { pairUid: 'other', epoch: 2n, number: 12n }, ['snapshot 13']],
  ['from before this reign gets a snapshot', { pairUid, epoch: 2n, number: 9n }, ['snapshot 13']],
  ['ahead of us gets a snapshot', { pairUid, epoch: 2n, number: 99n }, ['snapshot 13']],
])('a token %s', (_what, since, told) => {
  const feed = aFeed();
  feed.publish(range(11, 13));
  const reader = aReader();
  feed.follow(reader, since);
  expect(reader.told()).toEqual(told);
  expect(reader.bodies.length).toBe(1);
});

test('a slow reader is kept nothing for: it catches up from what is kept, or by a snapshot', () => {
  const feed = aFeed();
  const slow = aReader(1);
  feed.follow(slow, undefined);
  feed.publish(range(11, 20));
  feed.measure({ $case: 'measurements', value: { horizonUnixMs: 0n, terminals: [] } });
  expect(slow.told()).toEqual(['snapshot 10']);
  feed.drained(slow);
  expect(slow.told().slice(1)).toEqual(range(11, 20).map(({ number }) => String(number)));

  feed.publish(range(21, 21 + 9_000));
  slow.bodies.splice(0);
  feed.drained(slow);
  expect(slow.told()).toEqual(['snapshot 9021']);
});

test('a snapshot holds what the changes made of it', () => {
  const feed = aFeed();
  const profile = (name: string) => ({
    name,
    model: 'M',
    zone: '',
    seat: '',
    serialNumber: '',
    suspended: false,
    suspendReason: '',
    suspendUntilMs: undefined,
    heartbeat: {},
  });
  feed.publish([
    { number: 11n, kind: 'put', profile: profile('t1') },
    { number: 12n, kind: 'put', profile: profile('t2') },
    { number: 13n, kind: 'revision', revision: 'r2' },
    aTransition(14n),
    { number: 15n, kind: 'removed', terminal: 't2' },
  ]);
  const { number, rosterRevision, terminals } = feed.snapshot();
  expect([number, rosterRevision]).toEqual([15n, 'r2']);
  expect(terminals.map((one) => [one.profile?.name, stateWord(one.state)])).toEqual([['t1', 'OFFLINE']]);
});

test('a reader that left is told nothing more', () => {
  const feed = aFeed();
  const reader = aReader();
  feed.follow(reader, undefined);
  feed.leave(reader);
  feed.publish(range(11, 11));
  expect(reader.told()).toEqual(['snapshot 10']);
});
