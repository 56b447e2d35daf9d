import { describe, expect, test } from 'vitest';
import { TerminalMeasurement } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { CallFailures, ChannelQuality, Heartbeat } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { checkHeartbeat } from './check-heartbeat.ts';

const wallMs = 1_795_000_000_123.5;
const aHeartbeat = (wish: Partial<Heartbeat> = {}): Heartbeat => ({ ...Heartbeat.create(), wallUnixMs: 1_795_000_000_000n, ...wish });
const aChannel = (wish: Partial<ChannelQuality> = {}): ChannelQuality => ({ ...ChannelQuality.create(), channel: 'main', ...wish });

test('a good heartbeat is taken as it is', () => {
  const said = aHeartbeat({ channels: [aChannel({ failures: [{ reason: 1, count: 2n }] })] });
  expect(checkHeartbeat(said, wallMs)).toEqual({ heartbeat: said, clockOffsetMs: -123n, cut: [] });
});

describe('what is beyond the bounds is cut and named', () => {
  const failures = Array.from({ length: 9 }, () => ({ ...CallFailures.create(), count: 1n }));
  test.each<[string, Partial<Heartbeat>, string]>([
    ['channels', { channels: Array.from({ length: 9 }, () => aChannel()) }, 'more than 8 channels'],
    ['reasons', { channels: [aChannel({ failures })] }, 'more than 8 reasons'],
    ['a long name', { channels: [aChannel({ channel: 'x'.repeat(64) })] }, 'above 63 characters'],
    ['control characters', { channels: [aChannel({ channel: 'a\u0000b' })] }, 'control characters'],
    ['a clock at the end of int64', { wallUnixMs: 2n ** 63n - 1n }, 'shows no date'],
    ['a clock at the other end', { wallUnixMs: -(2n ** 63n) }, 'shows no date'],
  ])('%s', (_what, wish, named) => {
    const { heartbeat, clockOffsetMs, cut } = checkHeartbeat(aHeartbeat(wish), wallMs);
    expect(cut).toEqual([expect.stringContaining(named)]);
    expect(heartbeat.channels.length).toBeLessThanOrEqual(8);
    for (const channel of heartbeat.channels) {
      expect(channel.channel.length).toBeLessThanOrEqual(63);
      expect(channel.failures.length).toBeLessThanOrEqual(8);
    }
    // Whatever a terminal says, readers can be told of it.
    TerminalMeasurement.encode(TerminalMeasurement.fromPartial({ clockOffsetMs, channels: heartbeat.channels })).finish();
  });
});
