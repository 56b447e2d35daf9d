import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { parseCommand } from './command.ts';
import { formatDuration, parseDurationMs } from './duration.ts';
import { codeOf, defineErrors, messageOf, retryOf } from './errors.ts';
import { invariant } from './invariant.ts';
import { seededRandom } from './random.ts';
import { backoffMs, retry } from './retry.ts';
import { Secret } from './secret.ts';
import { systemClock } from './system-clock.ts';
import { productVersion } from './version.ts';

const errors = defineErrors({
  HK_TEST_BUSY: { retry: 'backoff', says: 'the other side is busy' },
  HK_TEST_GONE: { retry: 'never', says: 'the other side is gone' },
});

test('an error carries code, retry decision and a message with its causes but no stack', () => {
  const error = errors.HK_TEST_BUSY('hall north', { cause: new Error('connection reset') });
  expect([codeOf(error), retryOf(error), messageOf(error)]).toEqual([
    'HK_TEST_BUSY',
    'backoff',
    'the other side is busy: hall north: connection reset',
  ]);
});

test('whatever was thrown has a message', () => {
  expect([messageOf('text'), messageOf({ a: 1 }), messageOf({ a: 1n }), messageOf(1n), messageOf(Symbol('x'))]).toEqual([
    '"text"',
    '{"a":1}',
    'a thrown object',
    'a thrown bigint',
    'Symbol(x)',
  ]);
});

test('retry repeats only what may pass, within its bound', async () => {
  const policy = { firstMs: 1, maxMs: 1, jitterPercent: 0, attemptsMax: 3 };
  const ports = { policy, clock: systemClock, random: seededRandom(1) };
  const run = async (error: Error): Promise<number> => {
    let count = 0;
    const attempt = (): Promise<never> => {
      count += 1;
      return Promise.reject(error);
    };
    await expect(retry(attempt, ports, new AbortController().signal)).rejects.toBe(error);
    return count;
  };
  expect(await run(errors.HK_TEST_BUSY())).toBe(3);
  expect(await run(errors.HK_TEST_GONE())).toBe(1);
});

test('back-off doubles to its limit and its jitter stays within its share', () => {
  const policy = { firstMs: 100, maxMs: 1_000, jitterPercent: 50 };
  for (const [count, base] of [
    [1, 100],
    [2, 200],
    [5, 1_000],
    [100, 1_000],
  ] as const) {
    const ms = backoffMs(count, policy, seededRandom(count));
    expect(ms).toBeGreaterThanOrEqual(base);
    expect(ms).toBeLessThanOrEqual(base * 1.5);
  }
});

test('the same seed gives the same chance', () => {
  const draw = (seed: number): number[] =>
    Array.from(
      { length: 20 },
      (
        (random) => () =>
          random.below(1_000)
      )(seededRandom(seed)),
    );
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('durations are read and written in one form', () => {
  for (const [text, ms] of [
    ['1s', 1_000],
    ['1m30s', 90_000],
    ['250ms', 250],
    ['2h1ms', 7_200_001],
  ] as const) {
    expect(parseDurationMs(text)).toBe(ms);
    expect(formatDuration(ms)).toBe(text);
  }
  for (const wrong of ['', '5', '-5s', '1.5s', 's', '5 s']) expect(parseDurationMs(wrong)).toBeUndefined();
});

test('a secret shows itself to nobody who does not ask', () => {
  const secret = new Secret('swordfish');
  expect([String(secret), JSON.stringify({ secret }), inspect({ secret })].join()).not.toContain('swordfish');
  expect(secret.reveal()).toBe('swordfish');
});

test('a broken promise throws and says which', () => {
  expect(() => invariant(false, 'an epoch never goes back')).toThrow('broken promise: an epoch never goes back');
});

test('a command explains itself, and a wrong one leaves with 2', () => {
  const spec = { name: 'hallkeeper-demo', summary: 'Runs a hall.', options: { json: { help: 'write a report', value: 'FILE' } } } as const;
  const help = parseCommand(spec, ['--help']);
  expect(help).toMatchObject({ do: 'print', exitCode: 0 });
  expect(parseCommand(spec, ['--jason', 'x'])).toMatchObject({ do: 'print', exitCode: 2 });
  expect(parseCommand(spec, ['--version'])).toEqual({ do: 'print', exitCode: 0, text: `hallkeeper-demo ${productVersion}\n` });
  const run = parseCommand(spec, ['--json', 'out.json']);
  expect(run.do === 'run' && run.line.text('json')).toBe('out.json');
});

test('an option can have a letter, a list of values, and be required', () => {
  const namespace = { help: 'where', value: 'NAME', short: 'n', required: true };
  const spec = { name: 'x', summary: '', options: { namespace, level: { help: '', value: 'LEVEL', oneOf: ['low', 'high'] } } } as const;
  const run = parseCommand(spec, ['-n', 'hall-7', '--level=low']);
  expect(run.do === 'run' && [run.line.text('namespace'), run.line.text('level')]).toEqual(['hall-7', 'low']);
  expect(parseCommand(spec, ['--level', 'none'])).toMatchObject({
    text: "x: --namespace NAME is required; --level must be one of low, high\nSee 'x --help'.\n",
    exitCode: 2,
  });
});
