import { afterEach, expect, test } from 'vitest';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import type { MemberEvent } from '#lib/pair/events.ts';
import type { SqlLine } from '#lib/postgres/instance.ts';
import { runCanaries } from './canary-lane.ts';
import { Nudge } from './nudge.ts';

const periodMs = 100;
const nothing = (): Promise<{ rows: []; notices: [] }> => Promise.resolve({ rows: [], notices: [] });
const line: SqlLine = { query: nothing, repeat: nothing, backendPid: () => 1, close: () => Promise.resolve() };

type Commit = (clock: SimulatedClock, signal: AbortSignal) => Promise<unknown>;
const quick: Commit = (clock, signal) => clock.sleep(3, signal);
const slow: Commit = (clock, signal) => clock.sleep(1.5 * periodMs, signal);
const never: Commit = (clock, signal) => clock.sleep(1_000_000, signal);

interface Commits {
  readonly sync: Commit;
  readonly local: Commit;
}

let stop = new AbortController();
afterEach(() => stop.abort(new Error('the test is over')));

/** Probes on simulated time. `told` says what became of those of one kind, and when; `alone` counts commits that wait for nobody. */
function runProbes(
  which: 'local' | 'remote',
  { sync, local }: Commits,
): {
  readonly clock: SimulatedClock;
  readonly told: string[];
  readonly nudge: Nudge;
  readonly alone: () => number;
} {
  const clock = new SimulatedClock();
  const nudge = new Nudge();
  const told: string[] = [];
  let alone = 0;
  stop = new AbortController();
  const tell = (event: MemberEvent): void => {
    if (event.on === 'canary' && event.which === which) told.push(`${event.result} at ${clock.nowMs()}`);
  };
  const instance = {
    openLine: () => line,
    openPeerLine: () => line,
    commitSynchronous: async (_: SqlLine, signal: AbortSignal) => sync(clock, signal).then(() => 1n),
    commitLocal: async (_: SqlLine, signal: AbortSignal) => {
      alone += 1;
      return await local(clock, signal).then(() => 1n);
    },
    endStuckCanaries: () => Promise.resolve(),
  };
  const leads = (): boolean => which === 'local';
  void runCanaries({ instance, clock, nudge, periodMs, leads, tell, falseAck: () => undefined, took: () => undefined }, stop.signal);
  return { clock, told, nudge, alone: () => alone };
}

/** A second of a primary's probes. */
async function aSecond(commits: Commits): Promise<{ readonly alone: number; readonly told: readonly string[] }> {
  const { clock, told, alone } = runProbes('local', commits);
  await clock.advance(1_050);
  return { alone: alone(), told };
}

test('a synchronous commit that comes back within a period proves the local disk: nothing is written twice', async () => {
  const { alone, told } = await aSecond({ sync: quick, local: quick });
  expect(alone).toBeLessThanOrEqual(1);
  expect(told.filter((each) => each.startsWith('ok')).length).toBeGreaterThanOrEqual(10);
});

test('while the peer hangs the own disk is proven every period by a commit of its own', async () => {
  const { alone, told } = await aSecond({ sync: never, local: quick });
  expect(alone).toBeGreaterThanOrEqual(9);
  expect(told.filter((each) => each.startsWith('ok')).length).toBe(alone);
});

test('a commit that took longer than a period says nothing about the disk now', async () => {
  const { alone } = await aSecond({ sync: slow, local: quick });
  expect(alone).toBeGreaterThanOrEqual(9);
});

test('a disk that hangs is seen from the first commit that did not come back', async () => {
  const { alone, told } = await aSecond({ sync: never, local: never });
  expect(alone).toBe(1);
  expect(told.filter((each) => each.startsWith('ok'))).toEqual([]);
  expect(told[0]).toBe('started at 0');
});

test('the peer is probed every period, and at once when another path to it breaks', async () => {
  const { clock, told, nudge } = runProbes('remote', { sync: never, local: quick });
  await clock.advance(220);
  nudge.ring();
  await clock.advance(200);
  const begun = told.filter((each) => each.startsWith('started'));
  expect(begun).toEqual(['started at 0', 'started at 100', 'started at 200', 'started at 220', 'started at 300', 'started at 400']);
});

test('probes that fail, and ring for it, do not wake each other: a server that refuses everybody is asked once a period', async () => {
  const refuse: Commit = async (clock, signal) => {
    await clock.sleep(1, signal);
    throw new Error('the database system is starting up');
  };
  const { clock, told, nudge } = runProbes('local', { sync: refuse, local: refuse });
  for (let ms = 0; ms < 1_000; ms += 5) {
    nudge.ring();
    await clock.advance(5);
  }
  expect(told.filter((each) => each.startsWith('failed')).length).toBeLessThanOrEqual(24);
});

test('the peer is probed at most every 20 ms, however often another path to it breaks', async () => {
  const { clock, told, nudge } = runProbes('remote', { sync: never, local: quick });
  for (let ms = 0; ms < 200; ms += 1) {
    nudge.ring();
    await clock.advance(1);
  }
  const begun = told.filter((each) => each.startsWith('started')).map((each) => Number(each.split(' ').at(-1)));
  expect(begun.length).toBeGreaterThanOrEqual(8);
  expect(begun.every((atMs, index) => index === 0 || atMs - (begun[index - 1] ?? 0) >= 20)).toBe(true);
});
