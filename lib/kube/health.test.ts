import { expect, test, vi } from 'vitest';
import { cachesCheck, EventLoopLag, eventLoopCheck, leaderCheck, workqueueCheck } from './health.ts';
import type { ReflectorStatus } from './reflector.ts';

const status = (change: Partial<ReflectorStatus>): ReflectorStatus => ({
  mode: 'watching',
  hasSynced: true,
  lists: 1,
  silentMs: 1,
  failure: undefined,
  ...change,
});
const caches = (...statuses: readonly ReflectorStatus[]): Parameters<typeof cachesCheck>[0] => ({
  statuses: () => statuses.map((each, index) => ({ name: `v1 things${index}`, plural: 'things', status: each })),
});
const failure = { code: 'HK_KUBE_FORBIDDEN', message: 'no permission' } as const;

test('checks say what is wrong, or nothing', () => {
  const rows = [
    [cachesCheck(caches(status({}))), undefined],
    [cachesCheck(caches(status({ failure: { code: 'HK_KUBE_UNREACHABLE', message: 'away' } }))), undefined],
    [cachesCheck(caches(status({}), status({ failure }))), 'not followed any more: v1 things1 (no permission)'],
    [
      cachesCheck(caches(status({ failure: { code: 'HK_KUBE_NO_RESOURCE', message: 'gone' } }), status({ hasSynced: false }))),
      'not synced: v1 things1; not followed any more: v1 things0 (gone)',
    ],
    [
      cachesCheck(caches(status({}), status({ hasSynced: false, failure }), status({ hasSynced: false }))),
      'not synced: v1 things1 (no permission); v1 things2',
    ],
    [leaderCheck({ stalled: () => undefined }), undefined],
    [leaderCheck({ stalled: () => 'leading, but' }), 'leading, but'],
    [workqueueCheck([{ name: 'hall', overflowed: false }]), undefined],
    [
      workqueueCheck([
        { name: 'hall', overflowed: true },
        { name: 'pair', overflowed: true },
      ]),
      'keys were refused by hall, pair',
    ],
    [eventLoopCheck({ takeMaxMs: () => 900 }, 1_000), undefined],
    [eventLoopCheck({ takeMaxMs: () => 1_234.5 }, 1_000), 'the event loop stood still for 1235 ms'],
  ] as const;
  expect(rows.map(([check]) => check.check())).toEqual(rows.map(([, problem]) => problem));
});

/** How long the loop is held. Only a lower bound is asked of what is measured, and the block is repeated until it is seen. */
const blockMs = 300;

test('a blocked event loop is noticed, and forgotten with the next period', async () => {
  const lag = new EventLoopLag();
  lag.start();
  try {
    // A period begins with its first tick; one that has not come yet is why this is tried again.
    const seen = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const periods = [lag.takeMaxMs(), lag.takeMaxMs()];
      expect(periods[0]).toBeGreaterThan(blockMs / 2);
      // Nothing is sampled between the two: no turn of the loop lies between them.
      expect(periods[1]).toBe(0);
    };
    await vi.waitFor(seen, { timeout: 20_000 });
  } finally {
    lag.stop();
  }
});
