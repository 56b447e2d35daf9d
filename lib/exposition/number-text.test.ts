import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundText, numberBytesMax, valueText, writeNumber } from './number-text.ts';

const written = (value: number): string => {
  const bytes = Buffer.alloc(numberBytesMax, 'x');
  return bytes.toString('latin1', 0, writeNumber(bytes, 0, value));
};

test.each([
  [0, '0'],
  [-0, '0'],
  [7, '7'],
  [-42, '-42'],
  [1e9, '1000000000'],
  [999_999_999, '999999999'],
  [1_000_000_001, '1000000001'],
  [999_999_999_999_999, '999999999999999'],
  [1e15, '1000000000000000'],
  [1e21, '1e+21'],
  [0.5, '0.5'],
  [0.001, '0.001'],
  [0.000001, '0.000001'],
  [0.0000001, '1e-7'],
  [0.1 + 0.2, '0.30000000000000004'],
  [1_795_398_996.557, '1795398996.557'],
  [-12.034, '-12.034'],
  [1 / 3, '0.3333333333333333'],
  [Number.NaN, 'NaN'],
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
  [Number.MAX_VALUE, '1.7976931348623157e+308'],
  [Number.MIN_VALUE, '5e-324'],
])('%d is written %s', (value, text) => {
  expect(valueText(value)).toBe(text);
  expect(written(value)).toBe(text);
});

test('bytes and text agree on every number', () => {
  const decimals = fc.tuple(fc.integer({ min: -2_000_000_000_000, max: 2_000_000_000_000 }), fc.constantFrom(1, 10, 1e3, 1e6, 1e7));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.double(),
        fc.integer(),
        fc.maxSafeInteger(),
        decimals.map(([whole, by]) => whole / by),
      ),
      (value) => {
        expect(written(value)).toBe(valueText(value));
      },
    ),
    { numRuns: 20_000 },
  );
});

test.each([
  [0, '0.0'],
  [1, '1.0'],
  [0.25, '0.25'],
  [0.005, '0.005'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [100_000, '100000.0'],
  [1_000_000, '1e+06'],
  [1_234_567, '1.234567e+06'],
  [1e-10, '1e-10'],
  [Infinity, '+Inf'],
])('the bound %d is written %s in both formats', (bound, text) => expect(boundText(bound)).toBe(text));
