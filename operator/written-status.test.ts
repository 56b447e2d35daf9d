import { expect, test } from 'vitest';
import { storedHall } from './hall/testing/objects.ts';
import { WrittenStatus } from './written-status.ts';

const hall = storedHall({}, { primary: 'a' });
const shown = (resourceVersion: string, status = hall.status, uid = hall.metadata.uid) => ({
  ...hall,
  metadata: { ...hall.metadata, uid, resourceVersion },
  ...(status === undefined ? {} : { status }),
});

test('what was written stands until the cache shows another version', () => {
  const written = new WrittenStatus<typeof hall>();
  expect(written.of(hall)).toBe(hall);
  written.wrote(hall, { primary: 'b' });
  expect(written.of(hall).status).toEqual({ primary: 'b' });
  // A change of somebody else, or our own: the cache knows better, and keeps knowing better.
  const next = shown('2', { primary: 'c' });
  expect(written.of(next)).toBe(next);
  expect(written.of(hall)).toBe(hall);
});

test('two writes in one version leave the later one', () => {
  const written = new WrittenStatus<typeof hall>();
  written.wrote(hall, { primary: 'b' });
  written.wrote(written.of(hall), { primary: 'c' });
  expect(written.of(hall).status).toEqual({ primary: 'c' });
});

test('another object of the same name has nothing of it', () => {
  const written = new WrittenStatus<typeof hall>();
  written.wrote(hall, { primary: 'b' });
  const other = shown('1', undefined, 'other');
  expect(written.of(other)).toBe(other);
  written.wrote(hall, { primary: 'b' });
  written.forget(hall.metadata);
  expect(written.of(hall)).toBe(hall);
});
