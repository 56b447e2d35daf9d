import { expect, test } from 'vitest';
import { deadlineErrors, within, withDeadline } from './deadline.ts';
import { systemClock } from './system-clock.ts';

/** Ends only with its signal, as a request does. */
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
const late = (): Error => new Error('too late');
const hour = { ms: 3_600_000, clock: systemClock, late };
const { signal: never } = new AbortController();

test('what outlasts its deadline ends with the error that was asked for, and whoever must stop more is told', async () => {
  const told: string[] = [];
  const deadline = { ms: 1, clock: systemClock, late, onLate: ({ message }: Error) => told.push(message) };
  await expect(withDeadline(deadline, never, untilAborted)).rejects.toThrow('too late');
  expect(told).toEqual(['too late']);
});

test('what is done in time leaves no timer behind', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  expect(await withDeadline(hour, never, () => Promise.resolve(7))).toBe(7);
  await Promise.resolve();
  expect(timers()).toBe(before);
});

test('the outer signal comes first, before and while it runs', async () => {
  const outer = new AbortController();
  const running = withDeadline(hour, outer.signal, untilAborted);
  outer.abort(new Error('stopped'));
  await expect(running).rejects.toThrow('stopped');
  await expect(withDeadline(hour, outer.signal, () => Promise.reject(new Error('it ran')))).rejects.toThrow('stopped');
});

test('a signal within a time says what was waited for', async () => {
  const failure = untilAborted(within(1, 'the peer'));
  await expect(failure).rejects.toThrow(deadlineErrors.HK_DEADLINE('the peer, 1 ms').message);
});
