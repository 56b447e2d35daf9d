import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import type { PublishOptions, Publisher, ServerOutcome } from '#lib/dns/publish.ts';
import { dnsErrors } from '#lib/dns/errors.ts';
import { Route } from './route.ts';
import { someSettings } from './testing/settings.ts';

interface Call {
  readonly epoch: number;
  readonly options: PublishOptions;
  readonly signal: AbortSignal;
  readonly end: (result: ServerOutcome['result']) => void;
}

/** A route on a publisher that ends when the test says so, and on a clock whose waits the test ends. */
function aRoute(): { route: Route; calls: Call[]; sleeps: { readonly ms: number; readonly wake: () => void }[] } {
  const calls: Call[] = [];
  const sleeps: { readonly ms: number; readonly wake: () => void }[] = [];
  const publisher: Publisher = {
    publish: (wanted, targets, options, signal) => {
      const { promise, resolve } = Promise.withResolvers<readonly ServerOutcome[]>();
      const end: Call['end'] = (result) => {
        const outcomes = targets.map(({ server }) => ({ server, result, attempts: 1, tookMs: 0 }));
        for (const outcome of outcomes) options.onTry?.(outcome);
        resolve(outcomes);
      };
      calls.push({ epoch: wanted.epoch, options, signal, end });
      return promise;
    },
  };
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    sleeps.push({ ms, wake: resolve });
    return promise;
  };
  const { dns, self, pair } = someSettings();
  const route = new Route({
    publisher,
    clock: { nowMs: () => 0, wallMs: () => 0, sleep },
    random: seededRandom(1),
    log: silentLog,
    dns,
    address: self.address,
    pairUid: pair.uid,
    tried: () => undefined,
  });
  return { route, calls, sleeps };
}

const settledSoon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const failed: ServerOutcome['result'] = { outcome: 'failed', error: dnsErrors.HK_DNS_UNREACHABLE() };

test('a server that used up its tries is asked again, then without an expectation, and the refusal stands meanwhile', async () => {
  const { route, calls, sleeps } = aRoute();
  route.set({ epoch: 8 });
  expect(calls.map(({ epoch, options }) => [epoch, options.from])).toEqual([[8, 7]]);
  calls[0]?.end(failed);
  await settledSoon();
  expect(route.standing).toEqual([{ server: '10.20.0.2:53', ok: false, why: 'failed: the DNS server did not answer at try 1' }]);
  expect(sleeps[0]?.ms).toBeGreaterThanOrEqual(10_000);
  sleeps[0]?.wake();
  await settledSoon();
  expect(calls.map(({ epoch, options }) => [epoch, options.from])).toEqual([
    [8, 7],
    [8, undefined],
  ]);
  calls[1]?.end({ outcome: 'applied', took: 7 });
  await settledSoon();
  expect(route.standing).toEqual([{ server: '10.20.0.2:53', ok: true, why: 'applied at try 1' }]);
  expect({ calls: calls.length, sleeps: sleeps.length }).toEqual({ calls: 2, sleeps: 1 });
});

test.each([
  ['a later epoch', { outcome: 'superseded', epoch: 9 }],
  ["another pair's record", { outcome: 'foreign', says: 'TXT of another pair' }],
] as const)('%s has the better right, so the name is left alone', async (_what, result) => {
  const { route, calls, sleeps } = aRoute();
  route.set({ epoch: 8 });
  calls[0]?.end(result);
  await settledSoon();
  expect({ calls: calls.length, sleeps: sleeps.length }).toEqual({ calls: 1, sleeps: 0 });
  expect(route.standing[0]?.ok).toBe(false);
});

test('a member that leads no more neither tries on nor speaks of tries that end late', async () => {
  const { route, calls } = aRoute();
  route.set({ epoch: 8 });
  route.set(undefined);
  expect(calls[0]?.signal.aborted).toBe(true);
  calls[0]?.end(failed);
  await settledSoon();
  expect(route.standing).toEqual([]);
  expect(calls).toHaveLength(1);
});
