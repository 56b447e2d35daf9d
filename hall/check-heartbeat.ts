import type { ChannelQuality, Heartbeat } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';

/** Channels of a heartbeat, and reasons of one channel, that are taken; a terminal of ours has three and five. */
const channelsMax = 8;
const reasonsMax = 8;
/** Longest name of a channel, in characters. */
const channelNameMax = 63;
/** The furthest instants that a Date holds, in milliseconds before and after 1970. */
const dateMs = 8_640_000_000_000_000n;

/** A heartbeat as it may be kept and shown to readers, and what had to be cut for that. */
export interface CheckedHeartbeat {
  readonly heartbeat: Heartbeat;
  /** Terminal's wall clock minus the hall's; undefined when the terminal's shows no date at all. */
  readonly clockOffsetMs: bigint | undefined;
  /** What is beyond the bounds, in words; empty for a good one. */
  readonly cut: readonly string[];
}

/** Cuts a heartbeat to its bounds: one terminal can neither fill our memory nor break what readers are sent of the others. */
export function checkHeartbeat(said: Heartbeat, hallWallMs: number): CheckedHeartbeat {
  const cut = new Set<string>();
  if (said.channels.length > channelsMax) cut.add(`more than ${channelsMax} channels`);
  const channels = said.channels.slice(0, channelsMax).map((channel): ChannelQuality => {
    if (channel.failures.length > reasonsMax) cut.add(`more than ${reasonsMax} reasons of a channel`);
    const name = channel.channel.replaceAll(/\p{Cc}/gu, '').slice(0, channelNameMax);
    if (name !== channel.channel) cut.add(`a name of a channel above ${channelNameMax} characters or with control characters`);
    return { ...channel, channel: name, failures: channel.failures.slice(0, reasonsMax) };
  });
  const isDate = said.wallUnixMs >= -dateMs && said.wallUnixMs <= dateMs;
  if (!isDate) cut.add('a wall clock that shows no date');
  return {
    // Nobody reads the session here yet, so it is not kept.
    heartbeat: { ...said, channels, openSession: undefined, wallUnixMs: isDate ? said.wallUnixMs : 0n },
    clockOffsetMs: isDate ? said.wallUnixMs - BigInt(Math.floor(hallWallMs)) : undefined,
    cut: [...cut],
  };
}
