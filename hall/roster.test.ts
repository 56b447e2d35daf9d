import { describe, expect, test } from 'vitest';
import { TerminalProfile } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { parseRoster } from './roster.ts';

const wireRoster = (wish: Partial<TerminalProfile>, revision = 'r1') => ({
  hall: 'north',
  revision,
  heartbeat: undefined,
  terminals: [TerminalProfile.fromPartial({ name: 't1', model: 'Atlas 3', ...wish })],
});

describe('a roster is refused, with where and why', () => {
  test.each<[string, Partial<TerminalProfile>, string]>([
    ['a text with NUL, which PostgreSQL does not take', { seat: 'A\u00007' }, 'terminals[0].seat must not have control characters'],
    ['a reason with a line break', { suspendReason: 'new\nlamp' }, 'terminals[0].suspendReason must not have control characters'],
    ['a suspension beyond the last date', { suspendUntilUnixMs: 2n ** 62n }, 'terminals[0].suspendUntilUnixMs must be from 0'],
    ['a suspension before 1970', { suspendUntilUnixMs: -1n }, 'terminals[0].suspendUntilUnixMs must be from 0'],
    [
      'hung sooner than two heartbeats',
      { heartbeatOverrides: { intervalMs: 900, hungAfterMs: 1_000 } },
      'hungAfterMs must be at least twice',
    ],
  ])('%s', (_what, wish, problem) => expect(() => parseRoster(wireRoster(wish), 'north')).toThrow(problem));

  test('a revision with control characters', () =>
    expect(() => parseRoster(wireRoster({}, 'r\u0001'), 'north')).toThrow('revision must not have control characters'));
});

test('a roster with the longest texts, other scripts and the last date is taken', () => {
  const wish = { seat: 'ж'.repeat(256), suspendReason: '🎰 «лампа»', suspendUntilUnixMs: 8_640_000_000_000_000n };
  expect(parseRoster(wireRoster(wish), 'north').terminals.get('t1')).toMatchObject({ seat: wish.seat, suspendUntilMs: 8.64e15 });
});
