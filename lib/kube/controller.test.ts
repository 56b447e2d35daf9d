import { expect, test } from 'vitest';
import { defineErrors } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { Controller } from './controller.ts';
import type { ControllerObserver, ControllerOptions, Reconcile } from './controller.ts';
import { settle, SimulatedClock } from './testing/simulated-clock.ts';

type Ended = Parameters<ControllerObserver['ended']>[0];

interface Rig {
  readonly clock: SimulatedClock;
  readonly controller: Controller;
  /** When each run began, in milliseconds. */
  readonly starts: number[];
  readonly ended: Ended[];
  readonly fatal: Error[];
}

function rig(reconcile: Reconcile, change: Partial<ControllerOptions> = {}): Rig {
  const clock = new SimulatedClock();
  const starts: number[] = [];
  const ended: Ended[] = [];
  const fatal: Error[] = [];
  const ignore = (): void => undefined;
  const observer: ControllerObserver = {
    queue: { added: ignore, delayed: ignore, taken: ignore, done: ignore },
    started: () => void starts.push(clock.nowMs()),
    ended: (run) => void ended.push(run),
  };
  const options = {
    name: 'test',
    reconcile,
    workers: 2,
    runMaxMs: 1_000,
    backoff: { firstMs: 10, maxMs: 80, jitterPercent: 0 },
    ...change,
  };
  const controller = new Controller(options, {
    clock,
    random: seededRandom(1),
    log: silentLog,
    fatal: (error) => void fatal.push(error),
    observer,
  });
  controller.start();
  return { clock, controller, starts, ended, fatal };
}

const key = { namespace: 'hall', name: 'a' };
const errors = defineErrors({
  HK_TEST_NEVER: { retry: 'never', says: 'a person must help' },
  HK_TEST_REREAD: { retry: 'reread', says: 'look again' },
});

test('a run that returns nothing is over', async () => {
  const { clock, controller, starts, ended } = rig(async () => undefined);
  controller.enqueue(key);
  await clock.advance(10_000);
  expect(starts).toHaveLength(1);
  expect(ended).toMatchObject([{ result: 'success', late: false, panic: false, terminal: false }]);
  expect(clock.sleeping).toBe(0);
});

test('a run may ask to be repeated later', async () => {
  const { clock, controller, starts, ended } = rig(async () => ({ requeueAfterMs: 500 }));
  controller.enqueue(key);
  await clock.advance(1_200);
  expect(starts).toEqual([0, 500, 1_000]);
  expect(ended[0]?.result).toBe('requeue_after');
});

test('failures back off twice as long each time up to the limit, and a success forgets them', async () => {
  let failing = true;
  const { clock, controller, starts } = rig(async () => {
    if (failing) throw errors.HK_TEST_REREAD();
    return undefined;
  });
  controller.enqueue(key);
  await clock.advance(10 + 20 + 40 + 80 + 80);
  expect(starts).toEqual([0, 10, 30, 70, 150, 230]);
  failing = false;
  await clock.advance(80);
  failing = true;
  starts.length = 0;
  controller.enqueue(key);
  await clock.advance(10);
  expect(starts).toEqual([310, 320]);
});

test('an error that asks for a longer pause gets it', async () => {
  const { clock, controller, starts } = rig(() => Promise.reject(Object.assign(new Error('busy'), { retryAfterMs: 7_000 })));
  controller.enqueue(key);
  await clock.advance(7_000);
  expect(starts).toEqual([0, 7_000]);
});

test('an error that asks for an hour gets a minute', async () => {
  const { clock, controller, starts } = rig(() => Promise.reject(Object.assign(new Error('busy'), { retryAfterMs: 3_600_000 })));
  controller.enqueue(key);
  await clock.advance(60_000);
  expect(starts).toEqual([0, 60_000]);
});

test('a terminal error waits for the object to change', async () => {
  const { clock, controller, starts, ended } = rig(() => Promise.reject(errors.HK_TEST_NEVER()));
  controller.enqueue(key);
  await clock.advance(1e9);
  expect(starts).toHaveLength(1);
  expect(ended).toMatchObject([{ result: 'error', terminal: true }]);
  controller.enqueue(key);
  await settle();
  expect(starts).toHaveLength(2);
});

test('a terminal error is looked at again where a controller has work that comes with time', async () => {
  let error = errors.HK_TEST_NEVER();
  const { clock, controller, starts, ended } = rig(() => Promise.reject(error), { refusedAgainMs: 300_000 });
  controller.enqueue(key);
  await clock.advance(900_000);
  expect(starts).toEqual([0, 300_000, 600_000, 900_000]);
  expect(ended).toMatchObject(starts.map(() => ({ result: 'error', terminal: true })));
  // It is no failure that grows: an ordinary error afterwards begins with the first back-off.
  error = errors.HK_TEST_REREAD();
  controller.enqueue(key);
  await clock.advance(10);
  expect(starts.slice(4)).toEqual([900_000, 900_010]);
});

test('a mistake in the program is contained, counted, and tried again', async () => {
  let text: { length: number } | undefined;
  const { clock, controller, ended, fatal } = rig(async () => {
    if (text === undefined) {
      text = { length: 1 };
      throw new TypeError('no such thing');
    }
    return undefined;
  });
  controller.enqueue(key);
  await clock.advance(100);
  expect(ended).toMatchObject([{ result: 'error', panic: true }, { result: 'success' }]);
  expect(fatal).toEqual([]);
});

test('a broken promise of our own ends the process', async () => {
  const { clock, controller, fatal } = rig(async () => {
    invariant(false, 'an epoch never goes back');
    return undefined;
  });
  controller.enqueue(key);
  await clock.advance(100);
  expect(fatal.map(String)).toEqual(['InvariantBroken: broken promise: an epoch never goes back']);
});

test('a run that takes too long is told so and counted', async () => {
  const { clock, controller, ended } = rig(async (_key, { signal }) => {
    await clock.sleep(60_000, signal);
    return undefined;
  });
  controller.enqueue(key);
  await clock.advance(1_005);
  expect(ended).toMatchObject([{ result: 'error', late: true, seconds: 1 }]);
});

test('one key runs on one worker at a time, other keys beside it', async () => {
  let running = 0;
  let most = 0;
  const { clock, controller, starts } = rig(async ({ name }) => {
    if (name === 'a') most = Math.max(most, (running += 1));
    await clock.sleep(100);
    if (name === 'a') running -= 1;
    return undefined;
  });
  for (let count = 0; count < 3; count += 1) {
    controller.enqueue(key);
    await settle();
  }
  controller.enqueue({ name: 'cluster-scoped' });
  await clock.advance(1_000);
  expect(most).toBe(1);
  expect(starts).toEqual([0, 0, 100]);
});

test('stopping lets running work end, takes no more, and aborts what does not end', async () => {
  const aborts: unknown[] = [];
  const { clock, controller, starts } = rig(
    async ({ name }, { signal }) => {
      if (name === 'quick') await clock.sleep(100);
      else await clock.sleep(1e6, signal).catch((error: unknown) => void aborts.push(error));
      return undefined;
    },
    { runMaxMs: 1e6 },
  );
  controller.enqueue({ name: 'quick' });
  controller.enqueue({ name: 'stuck' });
  await settle();
  controller.enqueue({ name: 'never' });
  const stopped = controller.stop();
  await clock.advance(5_999);
  expect(aborts).toEqual([]);
  await clock.advance(1);
  await stopped;
  expect(aborts.map(String)).toEqual(['Error: the controller test stops']);
  expect(starts).toHaveLength(2);
  expect(clock.sleeping).toBe(0);
  await controller.stop();
});

test('work that heeds nothing is named when its time is over', async () => {
  let end = (): void => undefined;
  const { clock, controller } = rig(() => new Promise((resolve) => (end = () => resolve(undefined))), { runMaxMs: 1e6 });
  controller.enqueue(key);
  await settle();
  const stopped = controller.stop().catch((error: unknown) => error);
  await clock.advance(7_500);
  expect(await stopped).toMatchObject({ code: 'HK_CONTROLLER_STUCK', message: expect.stringContaining('test') as string });
  end();
  await controller.stop();
  expect(clock.sleeping).toBe(0);
});

test('a controller that never started stops, too', async () => {
  const { controller } = rig(async () => undefined);
  await controller.stop();
});
