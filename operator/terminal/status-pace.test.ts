import { array, assert, constantFrom, nat, property, record } from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { decidePace, hallPerSecond, settleMs, StatusPace, terminalEveryMs } from './status-pace.ts';

function manualClock(): Clock & { nowValueMs: number } {
  const clock = { nowValueMs: 1_000_000, nowMs: () => clock.nowValueMs, wallMs: () => 0, sleep: () => Promise.resolve() };
  return clock;
}

const terminal = (name: string) => ({ namespace: 'n', name });
const hall = { namespace: 'n', name: 'hall' };

test.each([
  [
    'the first write of a Terminal goes through',
    undefined,
    undefined,
    { do: 'write', budget: { tokens: hallPerSecond - 1, atMs: 50_000 } },
  ],
  ['the second waits for its time', 45_000, undefined, { do: 'wait', ms: 5_000 }],
  ['a hall that has written enough waits for its next turn', undefined, { tokens: 0, atMs: 50_000 }, { do: 'wait', ms: 50 }],
  ['turns come back with time', 10_000, { tokens: 0, atMs: 49_900 }, { do: 'write', budget: { tokens: 1, atMs: 50_000 } }],
  [
    'but never more than those of a second',
    10_000,
    { tokens: 3, atMs: 0 },
    { do: 'write', budget: { tokens: hallPerSecond - 1, atMs: 50_000 } },
  ],
] as const)('%s', (_behaviour, lastMs, budget, decision) => {
  expect(decidePace(lastMs, budget, 50_000)).toEqual(decision);
});

test('what passes before it has settled is not written, and what comes back to what is shown is forgotten', () => {
  const clock = manualClock();
  const pace = new StatusPace(clock);
  expect(pace.take(terminal('t'), hall, 'Unknown', false)).toBe(settleMs);
  clock.nowValueMs += settleMs - 1;
  expect(pace.take(terminal('t'), hall, 'Online', false)).toBe(settleMs);
  pace.calm(terminal('t'));
  clock.nowValueMs += settleMs;
  expect(pace.take(terminal('t'), hall, 'Online', false)).toBe(settleMs);
  clock.nowValueMs += settleMs;
  expect(pace.take(terminal('t'), hall, 'Online', false)).toBe(0);
});

test('a Terminal that shows nothing yet need not settle', () => {
  expect(new StatusPace(manualClock()).take(terminal('t'), hall, 'Online', true)).toBe(0);
});

test('whatever happens, a Terminal is written at most once in its time and a hall at most its number in a second', () => {
  const event = record({ afterMs: nat(700), terminal: nat(60), state: constantFrom('Online', 'Offline', 'Hung') });
  assert(
    property(array(event, { maxLength: 400 }), (events) => {
      const clock = manualClock();
      const pace = new StatusPace(clock);
      const shown = new Map<number, string>();
      const writes: { readonly terminal: number; readonly atMs: number }[] = [];
      for (const { afterMs, terminal: number, state } of events) {
        clock.nowValueMs += afterMs;
        if (pace.take(terminal(`t${number}`), hall, state, !shown.has(number)) > 0) continue;
        shown.set(number, state);
        for (const write of writes) {
          if (write.terminal === number) expect(clock.nowValueMs - write.atMs).toBeGreaterThanOrEqual(terminalEveryMs);
        }
        writes.push({ terminal: number, atMs: clock.nowValueMs });
        // A full budget and what comes back within the second.
        const recent = writes.filter(({ atMs }) => clock.nowValueMs - atMs < 1_000);
        expect(recent.length).toBeLessThanOrEqual(2 * hallPerSecond);
      }
    }),
  );
});

test('a state that stays is written in the end, by asking again when it was said to', () => {
  const clock = manualClock();
  const pace = new StatusPace(clock);
  const names = Array.from({ length: 100 }, (_, index) => `t${index}`);
  const left = new Map(names.map((name) => [name, clock.nowValueMs]));
  const began = clock.nowValueMs;
  for (let asked = 0; left.size > 0; asked += 1) {
    expect(asked).toBeLessThan(10_000);
    const [name, atMs] = [...left].toSorted(([, a], [, b]) => a - b)[0] ?? ['', 0];
    clock.nowValueMs = Math.max(clock.nowValueMs, atMs);
    const waitMs = pace.take(terminal(name), hall, 'Online', true);
    if (waitMs === 0) left.delete(name);
    else left.set(name, clock.nowValueMs + waitMs);
  }
  // A hundred, the first twenty at once, the others at twenty a second.
  expect(clock.nowValueMs - began).toBeLessThanOrEqual(4_100);
  expect(clock.nowValueMs - began).toBeGreaterThanOrEqual(3_900);
});
