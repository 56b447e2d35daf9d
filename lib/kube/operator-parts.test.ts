import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { runParts } from '#lib/base/parts.ts';
import type { Part } from '#lib/base/parts.ts';
import { seededRandom } from '#lib/base/random.ts';
import { Controller } from './controller.ts';
import type { Reconcile } from './controller.ts';
import { coreLeaseTimes, LeaderElector } from './lease.ts';
import { operatorParts } from './operator-parts.ts';
import { LeaseServer } from './testing/lease-server.ts';
import { SimulatedClock } from './testing/simulated-clock.ts';

interface Rig {
  readonly clock: SimulatedClock;
  readonly server: LeaseServer;
  readonly said: string[];
  readonly controllers: readonly Controller[];
  /** Stops the operator and lets it have this much time. Returns what went wrong, or `still stopping`. */
  stop(ms: number): Promise<string>;
}

/** An operator of eight controllers with this reconciliation, leading, each with one key at work. */
async function rig(reconcile: (clock: SimulatedClock, name: string) => Reconcile): Promise<Rig> {
  const clock = new SimulatedClock();
  const random = seededRandom(1);
  const server = new LeaseServer(clock, 10);
  const said: string[] = [];
  const part = (name: string): Part => ({
    name,
    start: () => void said.push(`+${name}`),
    stop: () => void said.push(`-${name}`),
    stopMaxMs: 1_000,
  });
  const controllers = Array.from({ length: 8 }, (_, index) => {
    const name = `c${index}`;
    const options = { name, reconcile: reconcile(clock, name), workers: 1, runMaxMs: 1e6 };
    return new Controller(
      { ...options, backoff: { firstMs: 1, maxMs: 1, jitterPercent: 0 } },
      { clock, random, log: silentLog, fatal: () => undefined },
    );
  });
  for (const controller of controllers) controller.enqueue({ name: 'a' });
  const elector = new LeaderElector(
    { lease: { namespace: 'hall', name: 'lease' }, identity: 'us', times: coreLeaseTimes },
    { client: server.client(() => 'served'), clock, random, log: silentLog, lost: () => void said.push('lost') },
  );
  const parts = operatorParts({
    servers: [part('server')],
    caches: { part: () => part('caches'), refresh: async () => void said.push(`refresh, lease of ${server.lease?.spec?.holderIdentity}`) },
    everyReplica: [part('every')],
    lease: elector,
    leaderParts: [part('streams')],
    controllers,
    events: part('events'),
  });
  const stop = new AbortController();
  let outcome = 'still stopping';
  runParts(parts, { clock, log: silentLog, signal: stop.signal }).then(
    () => (outcome = ''),
    (error: unknown) => (outcome = String(error)),
  );
  await clock.advance(100);
  return {
    clock,
    server,
    said,
    controllers,
    stop: async (ms) => {
      stop.abort();
      await clock.advance(ms);
      return outcome;
    },
  };
}

test('the leader lists anew before its controllers begin, and gives the lease back when all of it has ended', async () => {
  const worked: string[] = [];
  const { server, said, stop } = await rig((_, name) => async () => {
    worked.push(name);
    return undefined;
  });
  expect(said).toEqual(['+events', '+server', '+caches', '+every', 'refresh, lease of us', '+streams']);
  expect(worked.toSorted()).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7']);
  expect(await stop(1_000)).toBe('');
  expect(said.slice(-5)).toEqual(['-streams', '-every', '-caches', '-server', '-events']);
  expect(server.lease?.spec?.holderIdentity).toBeUndefined();
});

test('eight controllers whose work waits for a server that is away stop within one limit', async () => {
  const { clock, server, stop } = await rig((clock_) => async (_key, { signal }) => {
    await clock_.sleep(1e6, signal);
    return undefined;
  });
  expect(await stop(5_900)).toBe('still stopping');
  expect(server.lease?.spec?.holderIdentity).toBe('us');
  expect([await stop(300), clock.sleeping]).toEqual(['', 0]);
  expect(server.lease?.spec?.holderIdentity).toBeUndefined();
});

test('the lease is not given back while a reconciliation goes on, and stays ours for as long as that may write', async () => {
  const { clock, server, said, stop } = await rig((clock_, name) => async (_key, { signal }) => {
    await clock_.sleep(1e6, name === 'c3' ? undefined : signal);
    return undefined;
  });
  const outcome = await stop(8_500);
  expect(outcome).toMatch(/controllers did not stop: a reconciliation goes on although it was aborted: c3/);
  expect(outcome).toMatch(/lease did not stop: the lease is not given back while work that it guards goes on: controllers/);
  expect(said).toContain('-events');
  const before = server.lease?.metadata.resourceVersion;
  await clock.advance(20_000);
  expect(server.lease?.spec?.holderIdentity).toBe('us');
  expect(server.lease?.metadata.resourceVersion).not.toBe(before);
});
