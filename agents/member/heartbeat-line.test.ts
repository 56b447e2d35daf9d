import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Heartbeat } from '#lib/pair/member-state.ts';
import { pairModes } from '#lib/pair/pair-record.ts';
import { formatHeartbeat, parseHeartbeat } from './heartbeat-line.ts';

const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const position = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const heartbeats: fc.Arbitrary<Heartbeat> = fc.record({
  from: fc.stringMatching(/^[a-z0-9]{1,20}$/),
  record: fc.option(
    fc.record({
      sequence: whole,
      mode: fc.constantFrom(...pairModes),
      epoch: whole,
      primary: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
    }),
    { nil: undefined },
  ),
  postgres: fc.constantFrom('starting', 'running', 'dead', 'stopped'),
  role: fc.constantFrom('primary', 'standby'),
  data: fc.constantFrom('empty', 'incomplete', 'complete'),
  timeline: fc.integer({ min: 0, max: 0xffff_ffff }),
  flush: position,
  replay: position,
  localCanaryAgeMs: whole,
  handingOver: fc.boolean(),
  stopping: fc.boolean(),
  leaving: fc.option(fc.stringMatching(/^[-a-z0-9]{1,64}$/), { nil: undefined }),
  letsGo: fc.option(fc.stringMatching(/^[-a-z0-9]{1,64}$/), { nil: undefined }),
  acknowledged: position,
  committed: position,
  healthy: fc.boolean(),
  standing: fc.option(
    fc.record({
      arbiterReached: fc.boolean(),
      paused: fc.boolean(),
      stuck: fc.option(fc.constant('its replay stands still'), { nil: undefined }),
      copying: fc.boolean(),
      frozen: fc.boolean(),
    }),
    { nil: undefined },
  ),
});
const one: Heartbeat = {
  from: 'a',
  record: { sequence: 3, mode: 'sync', epoch: 1, primary: 'a' },
  postgres: 'running',
  role: 'primary',
  data: 'complete',
  timeline: 3,
  flush: 5n,
  replay: 5n,
  localCanaryAgeMs: 20,
  handingOver: false,
  stopping: false,
  leaving: undefined,
  letsGo: undefined,
  acknowledged: 5n,
  committed: 5n,
  healthy: true,
};

describe('a heartbeat on the wire', () => {
  test('reads back as it was written, on one line', () => {
    fc.assert(
      fc.property(heartbeats, (heartbeat) => {
        const line = formatHeartbeat(heartbeat);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseHeartbeat(line)).toEqual(heartbeat);
      }),
    );
  });

  test('fields of a newer peer are passed over', () => {
    expect(parseHeartbeat(JSON.stringify({ ...JSON.parse(formatHeartbeat(one)), mood: 'good' }))).toEqual(one);
  });

  test('any text is answered, never thrown at', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseHeartbeat(text)).toBeUndefined();
      }),
    );
  });

  const damaged: readonly (readonly [string, object])[] = [
    ['an unknown role', { role: 'witness' }],
    ['an unknown mode', { record: { sequence: 1, mode: 'maybe', epoch: 1 } }],
    ['a negative epoch', { record: { sequence: 1, mode: 'sync', epoch: -1 } }],
    ['a position that is no number', { flush: '0x10' }],
    ['a position of 21 digits', { flush: '1'.repeat(21) }],
    ['no data', { data: undefined }],
    ['a word for yes', { healthy: 'yes' }],
    ['an age that is not whole', { localCanaryAgeMs: 1.5 }],
  ];
  for (const [what, change] of damaged) {
    test(`with ${what} it counts as nothing heard`, () => {
      expect(parseHeartbeat(JSON.stringify({ ...JSON.parse(formatHeartbeat(one)), ...change }))).toBeUndefined();
    });
  }
});
