import { expect, test } from 'vitest';
import { replayedSegment } from './replayed-file.ts';

test.each([
  { titles: ['postgres: checkpointer ', 'postgres: startup recovering 000000010000000000000003'], digits: '0000000000000003' },
  { titles: ['postgres: hall-7: startup   recovering 0000000A0000000200000041'], digits: '0000000200000041' },
  { titles: ['postgres: startup '], digits: undefined },
  { titles: ['postgres: walsender hallkeeper_replication recovering 000000010000000000000003'], digits: undefined },
  { titles: [], digits: undefined },
])('of $titles the replayed segment is $digits', ({ titles, digits }) => expect(replayedSegment(titles)).toBe(digits));
