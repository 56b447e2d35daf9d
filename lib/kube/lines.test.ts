import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from './lines.ts';

test('however a text is cut into chunks, its lines come out whole', () => {
  const lines = fc.array(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).filter((line) => !line.includes('\n')),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(lines, fc.array(fc.nat(20)), (wanted, cuts) => {
      const bytes = Buffer.from(wanted.map((line) => `${line.toWellFormed()}\n`).join(''));
      const splitter = new LineSplitter(10_000);
      const found: string[] = [];
      let from = 0;
      for (const size of cuts) {
        found.push(...splitter.push(bytes.subarray(from, from + size)));
        from += size;
      }
      found.push(...splitter.push(bytes.subarray(from)));
      expect(found).toEqual(wanted.map((line) => line.toWellFormed()));
      expect(splitter.isOpen).toBe(false);
    }),
  );
});

test('a line over the bound is refused, also when it comes in small pieces', () => {
  const splitter = new LineSplitter(10);
  expect(splitter.push(Buffer.from('0123456789\nab'))).toEqual(['0123456789']);
  expect(splitter.isOpen).toBe(true);
  expect(splitter.push(Buffer.from('cdefghij'))).toEqual([]);
  expect(() => splitter.push(Buffer.from('k'))).toThrow(RangeError);
});

test('bytes that are no text are refused', () => {
  expect(() => new LineSplitter(10).push(Buffer.from([0xff, 0x0a]))).toThrow(TypeError);
});
