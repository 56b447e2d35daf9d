import { expect, test } from 'vitest';
import { turnsOf } from './turns.ts';

const ack = (sentMs: number, atMs: number): { id: number; sentMs: number; atMs: number } => ({ id: sentMs, sentMs, atMs });

test.each([
  ['one member alone never turns', [ack(0, 1), ack(10, 11)], [], 0],
  ['a failover is one turn', [ack(0, 1), ack(10, 11)], [ack(500, 501), ack(510, 511)], 1],
  ['there and back are two', [ack(0, 1), ack(900, 901)], [ack(500, 501)], 2],
  ['what was sent before the other acknowledged may still come in', [ack(0, 1), ack(10, 505)], [ack(500, 501), ack(510, 511)], 1],
  ['two that acknowledge at once turn again and again', [ack(0, 1), ack(10, 11), ack(20, 21)], [ack(5, 6), ack(15, 16), ack(25, 26)], 5],
  ['what was before does not count', [ack(-20, -10), ack(0, 1)], [ack(-9, -5)], 0],
] as const)('%s', (_, a, b, turns) => {
  expect(turnsOf(a, b, 0)).toBe(turns);
});
