import { expect, test } from 'vitest';
import { loweredInWords, loweredSentence } from './lowered-words.ts';

test('whose commits do not wait is told in one sentence that is found again among others', () => {
  const told = loweredInWords(['role reports', 'database v1.2']);
  expect(told).toContain('role reports, database v1.2 do not wait for the standby');
  expect(loweredSentence(`${told} Everything is on both members. Do nothing.`)).toBe(told);
  expect(loweredSentence('Everything is on both members.')).toBeUndefined();
});

test('of many the first are named and the others counted', () => {
  const many = Array.from({ length: 20 }, (_, index) => `role ${'r'.repeat(63)}${index}`);
  expect(loweredInWords(many)).toContain(', 17 more do not wait');
  expect(loweredInWords(many).length).toBeLessThan(512);
});
