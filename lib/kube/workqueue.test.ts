import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SimulatedClock } from './testing/simulated-clock.ts';
import { Workqueue } from './workqueue.ts';

const open = (keysMax = 1_000): { readonly clock: SimulatedClock; readonly queue: Workqueue } => {
  const clock = new SimulatedClock();
  return { clock, queue: new Workqueue({ clock, keysMax }) };
};

test('a key is queued at most once', async () => {
  const { queue } = open();
  queue.add('a');
  queue.add('a');
  expect(queue.depth).toBe(1);
  expect(await queue.get()).toBe('a');
  expect(queue.depth).toBe(0);
});

test('events during the work lead to exactly one more run, and only after it', async () => {
  const { queue } = open();
  queue.add('a');
  await queue.get();
  queue.add('a');
  queue.add('a');
  expect(queue.depth).toBe(0);
  queue.done('a');
  expect(queue.depth).toBe(1);
  await queue.get();
  queue.done('a');
  expect(queue.depth).toBe(0);
});

test('of several delays the earliest counts, and a run in between does not cancel it', async () => {
  const { clock, queue } = open();
  queue.addAfter('a', 5_000);
  queue.addAfter('a', 2_000);
  queue.addAfter('a', 9_000);
  queue.add('a');
  queue.done((await queue.get()) ?? '');
  await clock.advance(1_999);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(queue.depth).toBe(1);
  await clock.advance(20_000);
  expect(queue.depth).toBe(1);
});

test('a month is waited for, although a timer of Node cannot', async () => {
  const { clock, queue } = open();
  const month = 31 * 24 * 3_600_000;
  queue.addAfter('a', month);
  await clock.advance(month - 1);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(queue.depth).toBe(1);
  expect(clock.sleeping).toBe(0);
});

test('shutting down wakes the workers, drops what waits, and leaves no timer', async () => {
  const { clock, queue } = open();
  const idle = queue.get();
  queue.add('a');
  expect(await idle).toBe('a');
  const waiting = queue.get();
  queue.addAfter('b', 1_000);
  queue.add('a');
  queue.shutDown();
  queue.add('c');
  queue.done('a');
  expect(await waiting).toBeUndefined();
  expect(await queue.get()).toBeUndefined();
  expect([queue.depth, clock.sleeping]).toEqual([0, 0]);
});

test('a full queue refuses new keys, counts them, and keeps taking those it knows', async () => {
  const { queue } = open(2);
  queue.add('a');
  queue.addAfter('b', 1_000);
  queue.add('c');
  queue.addAfter('d', 1);
  expect(queue.refused).toBe(2);
  queue.add('b');
  expect(await queue.get()).toBe('a');
  expect(await queue.get()).toBe('b');
  expect(queue.refused).toBe(2);
});

test('done without get is a bug of ours', () => {
  expect(() => open().queue.done('a')).toThrow('only a key that was taken is done');
});

/** The rules again, as slowly and plainly as possible. */
class Model {
  nowMs = 0;
  queued: string[] = [];
  again = new Set<string>();
  working = new Set<string>();
  later = new Map<string, number>();

  add(key: string): void {
    if (this.working.has(key)) this.again.add(key);
    else if (!this.queued.includes(key)) this.queued.push(key);
  }

  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) return this.add(key);
    this.later.set(key, Math.min(this.later.get(key) ?? Infinity, this.nowMs + delayMs));
  }

  get(): string | undefined {
    const key = this.queued.shift();
    if (key !== undefined) this.working.add(key);
    return key;
  }

  done(key: string): void {
    this.working.delete(key);
    if (this.again.delete(key)) this.queued.push(key);
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [due] = [...this.later].filter(([, atMs]) => atMs <= endMs).toSorted((a, b) => a[1] - b[1]);
      if (due === undefined) break;
      this.later.delete(due[0]);
      this.add(due[0]);
    }
    this.nowMs = endMs;
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'd');
const command = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key }),
  // All delays differ, so that no two keys are due at one instant: among those the order is free.
  fc.record({ do: fc.constant('addAfter' as const), key, delayMs: fc.integer({ min: 0, max: 40 }) }),
  fc.record({ do: fc.constant('get' as const) }),
  fc.record({ do: fc.constant('done' as const), key }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 30 }) }),
);

test('any sequence of calls does what the plain model does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
      const { clock, queue } = open();
      const model = new Model();
      for (const [index, step] of commands.entries()) {
        switch (step.do) {
          case 'add':
            queue.add(step.key);
            model.add(step.key);
            break;
          case 'addAfter': {
            const delayMs = step.delayMs === 0 ? 0 : step.delayMs + (index + 1) / 1_024;
            queue.addAfter(step.key, delayMs);
            model.addAfter(step.key, delayMs);
            break;
          }
          case 'get': {
            if (queue.depth === 0) break;
            expect(await queue.get()).toBe(model.get());
            break;
          }
          case 'done':
            if (!model.working.has(step.key)) break;
            queue.done(step.key);
            model.done(step.key);
            break;
          case 'advance':
            await clock.advance(step.ms);
            model.advance(step.ms);
            break;
        }
        expect(queue.depth).toBe(model.queued.length);
        expect(queue.workingSeconds()).toHaveLength(model.working.size);
        expect(clock.sleeping).toBeLessThanOrEqual(1);
      }
      // Nothing that was added is lost: when all work ends and time passes, every key comes out.
      for (const left of model.working) {
        queue.done(left);
        model.done(left);
      }
      await clock.advance(1_000);
      model.advance(1_000);
      for (let want = model.get(); want !== undefined; want = model.get()) expect(await queue.get()).toBe(want);
      expect(queue.depth).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('workers that race never hold one key twice, and every add is followed by a run', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(key, fc.integer({ min: 0, max: 20 })), { maxLength: 40, size: 'max' }), async (adds) => {
      const { clock, queue } = open();
      const holding = new Set<string>();
      const lastStartMs = new Map<string, number>();
      const lastAddMs = new Map<string, number>();
      const work = async (): Promise<void> => {
        for (let taken = await queue.get(); taken !== undefined; taken = await queue.get()) {
          expect(holding.has(taken)).toBe(false);
          holding.add(taken);
          lastStartMs.set(taken, clock.nowMs());
          await clock.sleep(7);
          holding.delete(taken);
          queue.done(taken);
        }
      };
      const workers = [work(), work(), work()];
      for (const [added, pauseMs] of adds) {
        queue.add(added);
        lastAddMs.set(added, clock.nowMs());
        await clock.advance(pauseMs);
      }
      await clock.advance(1_000);
      for (const [added, atMs] of lastAddMs) expect(lastStartMs.get(added)).toBeGreaterThanOrEqual(atMs);
      queue.shutDown();
      await Promise.all(workers);
    }),
    { numRuns: 60 },
  );
});
