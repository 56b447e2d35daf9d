import { expect, test } from 'vitest';
import { silentLog } from './log.ts';
import { runParts } from './parts.ts';
import type { Part } from './parts.ts';
import { systemClock } from './system-clock.ts';

const recorder = (): { readonly said: string[]; part(name: string, change?: Partial<Part>): Part } => {
  const said: string[] = [];
  return {
    said,
    part: (name, change = {}) => ({
      name,
      stopMaxMs: 1_000,
      start: () => void said.push(`+${name}`),
      stop: () => void said.push(`-${name}`),
      ...change,
    }),
  };
};

test('stopping is starting read upwards', async () => {
  const { said, part } = recorder();
  const stop = new AbortController();
  const last = part('c', { start: () => stop.abort() });
  await runParts([part('a'), part('b'), last], { clock: systemClock, log: silentLog, signal: stop.signal });
  expect(said).toEqual(['+a', '+b', '-c', '-b', '-a']);
});

test('a part that cannot start stops what was started, and every failure is told', async () => {
  const { said, part } = recorder();
  const parts = [
    part('a', { stop: () => Promise.reject(new Error('stuck')) }),
    part('b', { start: () => Promise.reject(new Error('no port')) }),
    part('c'),
  ];
  const run = runParts(parts, { clock: systemClock, log: silentLog, signal: new AbortController().signal });
  await expect(run).rejects.toThrow('b did not start: no port; a did not stop: stuck');
  expect(said).toEqual(['+a', '-b']);
});

test('a part that does not stop in time is left behind and named', async () => {
  const { said, part } = recorder();
  const stop = new AbortController();
  stop.abort();
  const quick = part('a');
  await runParts([quick], { clock: systemClock, log: silentLog, signal: stop.signal });
  expect(said).toEqual([]);
  const going = new AbortController();
  const hung = part('hung', { stopMaxMs: 5, start: () => going.abort(), stop: () => new Promise<void>(() => undefined) });
  await expect(runParts([quick, hung], { clock: systemClock, log: silentLog, signal: going.signal })).rejects.toThrow(
    'hung did not stop within 5 ms',
  );
  expect(said).toEqual(['+a', '-a']);
});
