import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { decideLease, firstLease, observeLease, releasedLease } from './decide-lease.ts';
import type { Lease, LeaseSpec } from './decide-lease.ts';
import { coreLeaseTimes, LeaderElector } from './lease.ts';
import type { KubeClient } from './client.ts';
import { LeaseServer } from './testing/lease-server.ts';
import type { Fate } from './testing/lease-server.ts';
import { settle, SimulatedClock } from './testing/simulated-clock.ts';

const wish = { identity: 'us', durationSeconds: 15 };
const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const now = '2026-01-02T03:04:05.678000Z';
const past = '2001-01-01T00:00:00.000000Z';
const held: LeaseSpec = { holderIdentity: 'them', leaseDurationSeconds: 15, acquireTime: past, renewTime: past, leaseTransitions: 4 };
const leaseOf = (spec: LeaseSpec): Lease => ({ metadata: { namespace: 'hall', name: 'lease' }, spec });

const decisions = [
  ['somebody holds it, however old the times that they wrote', held, 14_999, { do: 'wait', holder: 'them' }],
  [
    'it has not changed before our eyes for its whole duration',
    held,
    15_000,
    { do: 'take', spec: { ...held, holderIdentity: 'us', acquireTime: now, renewTime: now, leaseTransitions: 5 } },
  ],
  [
    'nobody holds it',
    { ...held, holderIdentity: undefined },
    0,
    { do: 'take', spec: { ...held, holderIdentity: 'us', acquireTime: now, renewTime: now, leaseTransitions: 5 } },
  ],
  [
    'it is ours: only the renewal is new',
    { ...held, holderIdentity: 'us' },
    0,
    { do: 'take', spec: { ...held, holderIdentity: 'us', renewTime: now } },
  ],
  ['the holder wrote a shorter duration', { ...held, leaseDurationSeconds: 1 }, 1_000, { do: 'take' }],
] as const;

for (const [when, spec, nowMs, decision] of decisions) {
  test(`${when}: ${decision.do}`, () => {
    expect(decideLease({ lease: leaseOf(spec), observedAtMs: 0 }, wish, nowMs, wallMs)).toMatchObject(decision);
  });
}

test('reading an unchanged record again does not prolong it', () => {
  const first = observeLease(undefined, leaseOf(held), 100);
  expect(observeLease(first, leaseOf({ ...held }), 900).observedAtMs).toBe(100);
  expect(observeLease(first, leaseOf({ ...held, renewTime: now }), 900).observedAtMs).toBe(900);
});

test('a first record counts no transition, a released one names nobody', () => {
  expect(firstLease(wish, wallMs)).toEqual({
    holderIdentity: 'us',
    leaseDurationSeconds: 15,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: 0,
  });
  expect(releasedLease(held, wallMs)).toEqual({ leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions: 4 });
});

interface Candidate {
  readonly elector: LeaderElector;
  readonly lost: Error[];
  readonly campaign: Promise<void>;
}

function campaign(
  identity: string,
  client: KubeClient,
  clock: SimulatedClock,
  seed: number,
  signal = new AbortController().signal,
): Candidate {
  const lost: Error[] = [];
  const elector = new LeaderElector(
    { lease: { namespace: 'hall', name: 'lease' }, identity, times: coreLeaseTimes },
    { client, clock, random: seededRandom(seed), log: silentLog, lost: (error) => void lost.push(error) },
  );
  const running = elector.campaign(signal);
  running.catch(() => undefined);
  return { elector, lost, campaign: running };
}

const served = (): Fate => 'served';

test('times that contradict each other are refused', () => {
  const clock = new SimulatedClock();
  const client = new LeaseServer(clock, 1).client(served);
  const make = (times: typeof coreLeaseTimes) => () =>
    new LeaderElector(
      { lease: { namespace: 'hall', name: 'lease' }, identity: 'us', times },
      { client, clock, random: seededRandom(1), log: silentLog, lost: () => undefined },
    );
  expect(make({ ...coreLeaseTimes, durationMs: 10_000 })).toThrow('contradict');
  expect(make({ ...coreLeaseTimes, retryEveryMs: 9_000 })).toThrow('contradict');
  expect(make({ ...coreLeaseTimes, durationMs: 15_500 })).toThrow('contradict');
});

test('a leader renews every retry period, and a follower takes over only after the duration', async () => {
  const clock = new SimulatedClock();
  const server = new LeaseServer(clock, 10);
  let fate: Fate = 'served';
  const first = campaign(
    'a',
    server.client(() => fate),
    clock,
    1,
  );
  await clock.advance(100);
  const second = campaign('b', server.client(served), clock, 2);
  await clock.advance(60_000);
  expect([first.elector.isLeader, second.elector.isLeader]).toEqual([true, false]);
  expect(Number(server.lease?.metadata.resourceVersion)).toBeGreaterThan(25);
  expect(server.lease?.spec?.leaseTransitions).toBe(0);
  fate = 'lost';
  await clock.advance(coreLeaseTimes.renewMaxMs - coreLeaseTimes.retryEveryMs - 100);
  expect(first.elector.mode).toBe('leader');
  await clock.advance(coreLeaseTimes.retryEveryMs + 100);
  expect(first.elector.mode).toBe('lost');
  expect(second.elector.isLeader).toBe(false);
  await clock.advance(10_000);
  expect(second.elector.isLeader).toBe(true);
  expect(first.lost).toHaveLength(1);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
});

test('a record that names somebody else ends the leadership at once', async () => {
  const clock = new SimulatedClock();
  const server = new LeaseServer(clock, 10);
  const { elector, lost } = campaign('a', server.client(served), clock, 1);
  await clock.advance(100);
  server.lease = { metadata: { ...server.lease?.metadata, name: 'lease', resourceVersion: 'by hand' }, spec: { ...held } };
  await clock.advance(coreLeaseTimes.retryEveryMs + 100);
  expect([elector.mode, lost.length]).toEqual(['lost', 1]);
  await elector.release();
  expect(server.lease?.spec?.holderIdentity).toBe('them');
});

test('a campaign called off while its write is under way does not leave the lease behind', async () => {
  const clock = new SimulatedClock();
  const server = new LeaseServer(clock, 10);
  const stop = new AbortController();
  const { elector, campaign: running } = campaign('a', server.client(served), clock, 1, stop.signal);
  // The read takes 20 ms; 15 ms later the write has reached the server, and its answer has not reached us.
  await clock.advance(35);
  expect(server.lease?.spec?.holderIdentity).toBe('a');
  expect(elector.mode).toBe('follower');
  stop.abort(new Error('the program stops'));
  await expect(running).rejects.toThrow('the program stops');
  const released = elector.release();
  await clock.advance(1_000);
  await released;
  expect(server.lease?.spec?.holderIdentity).toBeUndefined();
});

test('the watchdog speaks when the process stood still', async () => {
  const clock = new SimulatedClock();
  const server = new LeaseServer(clock, 10);
  let standing = false;
  const healthy = server.client(served);
  // A request that neither ends nor heeds its signal: what a process sees that was frozen in the middle of it.
  const halting = Object.assign(Object.create(healthy) as KubeClient, {
    with: () => halting,
    update: (...args: Parameters<KubeClient['update']>) => (standing ? new Promise<never>(() => undefined) : healthy.update(...args)),
  });
  const { elector } = campaign('a', halting, clock, 1);
  await clock.advance(100);
  expect(elector.stalled()).toBeUndefined();
  standing = true;
  await clock.advance(34_000);
  expect(elector.stalled()).toBeUndefined();
  await clock.advance(4_000);
  expect(elector.stalled()).toMatch(/^leading, but not renewed for \d+ ms$/);
});

test('whatever becomes of their requests, no two candidates lead at once, and in the end one does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 900 }), async (seed, latencyMs) => {
      const clock = new SimulatedClock();
      const server = new LeaseServer(clock, latencyMs);
      const random = seededRandom(seed);
      let calm = false;
      // Bad weather comes in spells, each client with its own: single failures would never cost a leadership.
      const weather = [0, 1, 2].map(() => ({ bad: false, untilMs: 0 }));
      const fateOf = (index: number) => (): Fate => {
        const own = weather[index] ?? { bad: false, untilMs: 0 };
        if (clock.nowMs() >= own.untilMs) Object.assign(own, { bad: random.below(2) === 0, untilMs: clock.nowMs() + random.below(20_000) });
        if (calm || !own.bad) return 'served';
        return random.below(2) === 0 ? 'lost' : 'unanswered';
      };
      let candidates = [0, 1, 2].map((index) => campaign(`c${index}`, server.client(fateOf(index)), clock, seed + index));
      let born = 3;
      for (let step = 0; step < 300; step += 1) {
        await clock.advance(250);
        expect(candidates.filter(({ elector }) => elector.isLeader).length).toBeLessThanOrEqual(1);
        const over = candidates.filter(({ elector }) => elector.mode === 'lost');
        if (over.length > 0) {
          // A process that lost its leadership ends, and another takes its place.
          candidates = candidates.map((old, index) =>
            over.includes(old) ? campaign(`c${(born += 1)}`, server.client(fateOf(index)), clock, seed + born) : old,
          );
        }
      }
      calm = true;
      await clock.advance(60_000);
      expect(candidates.filter(({ elector }) => elector.isLeader)).toHaveLength(1);
      const stopping = candidates.map(({ elector }) => elector.release());
      await clock.advance(30_000);
      await Promise.all(stopping);
      await settle();
      expect(clock.sleeping).toBe(0);
      expect(server.lease?.spec?.holderIdentity).toBeUndefined();
    }),
    { numRuns: 12 },
  );
}, 120_000);
