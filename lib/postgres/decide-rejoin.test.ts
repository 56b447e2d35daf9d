import { describe, expect, test } from 'vitest';
import { decideRejoin, lastShared } from './decide-rejoin.ts';
import type { Lineage, TimelineSwitch } from './instance.ts';
import { parseLsn } from './lsn.ts';

const at = (timeline: number, end: string): TimelineSwitch => ({ timeline, endLsn: parseLsn(end) });

/** A member's past: switches as `[timeline, end]`, then the living timeline and its end. */
function past(switches: readonly (readonly [number, string])[], timeline: number, end: string, more: Partial<Lineage> = {}): Lineage {
  return {
    systemIdentifier: '7000000000000000001',
    switches: switches.map(([old, where]) => at(old, where)),
    timeline,
    endLsn: parseLsn(end),
    start: undefined,
    strayHistories: [],
    ...more,
  };
}

const rows: readonly {
  readonly behaviour: string;
  readonly mine: Lineage;
  readonly source: Lineage;
  readonly does: string;
  readonly fork?: string;
}[] = [
  { behaviour: 'behind on the same timeline streams', mine: past([], 1, '0/3000000'), source: past([], 1, '0/4000000'), does: 'stream' },
  { behaviour: 'level on the same timeline streams', mine: past([], 1, '0/4000000'), source: past([], 1, '0/4000000'), does: 'stream' },
  {
    behaviour: 'behind, and the source has the segment that is needed next: streams',
    mine: past([], 1, '0/3000000'),
    source: past([], 1, '1/4000000', { keptFromLsn: parseLsn('0/3000000') }),
    does: 'stream',
  },
  {
    behaviour: 'behind what the source has kept: streaming would fail for ever',
    mine: past([], 1, '0/2FFFFFF'),
    source: past([], 1, '1/4000000', { keptFromLsn: parseLsn('0/3000000') }),
    does: 'copy',
  },
  {
    behaviour: 'ended before the source switched, and before what it has kept',
    mine: past([], 1, '0/2000000'),
    source: past([[1, '0/3500000']], 2, '0/9000000', { keptFromLsn: parseLsn('0/5000000') }),
    does: 'copy',
  },
  {
    behaviour: 'ahead on the same timeline is copied: pg_rewind would find nothing to do',
    mine: past([], 1, '0/5000000'),
    source: past([], 1, '0/4000000'),
    does: 'copy',
  },
  {
    behaviour: 'ended before the source switched streams',
    mine: past([], 1, '0/3000000'),
    source: past([[1, '0/3500000']], 2, '0/4000000'),
    does: 'stream',
  },
  {
    behaviour: 'ended exactly where the source switched streams',
    mine: past([], 1, '0/3500000'),
    source: past([[1, '0/3500000']], 2, '0/4000000'),
    does: 'stream',
  },
  {
    behaviour: 'ended where the source switched, in a record that goes on in a segment that the source never had: rewound',
    mine: past([], 1, '0/3F3E9D8', { restFromLsn: parseLsn('0/4000000') }),
    source: past([[1, '0/3F3E9D8']], 2, '0/3F50000'),
    does: 'rewind',
    fork: '0/3F3E9D8',
  },
  {
    behaviour: 'ended in such a record long before the source switched: its rest is there',
    mine: past([], 1, '0/3F3E9D8', { restFromLsn: parseLsn('0/4000000') }),
    source: past([[1, '0/4500000']], 2, '0/4600000'),
    does: 'stream',
  },
  {
    behaviour: 'a deposed primary that wrote beyond the switch is rewound',
    mine: past([], 1, '0/3500001'),
    source: past([[1, '0/3500000']], 2, '0/4000000'),
    does: 'rewind',
    fork: '0/3500000',
  },
  {
    behaviour: 'a claim that was taken back: timeline 2 here, and timeline 1 lives on there',
    mine: past([[1, '0/3500000']], 2, '0/3600000'),
    source: past([], 1, '0/9000000'),
    does: 'rewind',
    fork: '0/3500000',
  },
  {
    behaviour: 'a claim that was taken back by a member that has not reached the switch is copied',
    mine: past([[1, '0/3500000']], 2, '0/3600000'),
    source: past([], 1, '0/3400000'),
    does: 'copy',
  },
  {
    behaviour: 'two promotions apart made two timelines of one number: copied, for pg_rewind takes them for the same',
    mine: past([[1, '0/3500000']], 2, '0/3600000'),
    source: past([[1, '0/3400000']], 2, '0/9000000'),
    does: 'copy',
  },
  {
    behaviour: 'two timelines of one number from one position differ in their first record: copied',
    mine: past([[1, '0/3500000']], 2, '0/3600000', { start: 'aa' }),
    source: past([[1, '0/3500000']], 2, '0/9000000', { start: 'bb' }),
    does: 'copy',
  },
  {
    behaviour: 'one timeline with one first record streams',
    mine: past([[1, '0/3500000']], 2, '0/3600000', { start: 'aa' }),
    source: past([[1, '0/3500000']], 2, '0/9000000', { start: 'aa' }),
    does: 'stream',
  },
  {
    behaviour: 'a first record that is gone proves nothing against equal switch positions',
    mine: past([[1, '0/3500000']], 2, '0/3600000', { start: 'aa' }),
    source: past([[1, '0/3500000']], 2, '0/9000000'),
    does: 'stream',
  },
  {
    behaviour: 'two timelines of one number, and the source went on to a third: rewound to the earlier switch',
    mine: past([[1, '0/3500000']], 2, '0/3600000'),
    source: past(
      [
        [1, '0/3400000'],
        [2, '0/8000000'],
      ],
      3,
      '0/9000000',
    ),
    does: 'rewind',
    fork: '0/3400000',
  },
  {
    behaviour: 'one ancestor and then different numbers: rewound to where both left it',
    mine: past([[1, '0/3500000']], 2, '0/3600000'),
    source: past([[1, '0/3500000']], 3, '0/9000000'),
    does: 'rewind',
    fork: '0/3500000',
  },
  {
    behaviour: 'many switches in common, then behind: streams',
    mine: past(
      [
        [1, '0/3000000'],
        [2, '0/4000000'],
      ],
      3,
      '0/4500000',
    ),
    source: past(
      [
        [1, '0/3000000'],
        [2, '0/4000000'],
        [3, '0/5000000'],
        [4, '0/6000000'],
      ],
      5,
      '0/7000000',
    ),
    does: 'stream',
  },
  {
    behaviour: 'many switches in common, then beyond: rewound',
    mine: past(
      [
        [1, '0/3000000'],
        [2, '0/4000000'],
      ],
      3,
      '0/5500000',
    ),
    source: past(
      [
        [1, '0/3000000'],
        [2, '0/4000000'],
        [3, '0/5000000'],
      ],
      4,
      '0/7000000',
    ),
    does: 'rewind',
    fork: '0/5000000',
  },
  {
    behaviour: 'another cluster is copied',
    mine: past([], 1, '0/1', { systemIdentifier: '7' }),
    source: past([], 1, '0/4000000'),
    does: 'copy',
  },
  {
    behaviour: 'a history that the source does not share would lead recovery astray: copied',
    mine: past([], 1, '0/3000000', { strayHistories: [{ timeline: 2, switches: [at(1, '0/2000000')] }] }),
    source: past([], 1, '0/4000000'),
    does: 'copy',
  },
  {
    behaviour: "the source's own history, received before the log was, does no harm",
    mine: past([], 1, '0/3000000', { strayHistories: [{ timeline: 2, switches: [at(1, '0/3500000')] }] }),
    source: past([[1, '0/3500000']], 2, '0/4000000'),
    does: 'stream',
  },
];

describe('how a member comes back', () => {
  for (const { behaviour, mine, source, does, fork } of rows) {
    test(behaviour, () => {
      const decision = decideRejoin(mine, source);
      expect(decision.do).toBe(does);
      expect(decision.why).not.toBe('');
      expect(decision.do === 'rewind' ? decision.forkLsn : undefined).toBe(fork === undefined ? undefined : parseLsn(fork));
    });
  }
});

describe('up to where both logs must be the same', () => {
  const end = parseLsn('0/5000000');
  const mine = past([], 1, '0/5000000', { readToLsn: end });
  const rewind = (fork: string) => ({ do: 'rewind', why: '', forkTimeline: 1, forkLsn: parseLsn(fork) }) as const;
  test('whoever streams: as far as the own log can be read', () =>
    expect(lastShared({ do: 'stream', why: '' }, mine)).toEqual({ timeline: 1, lsn: end }));
  test('whoever is rewound: as far as the pasts are one', () =>
    expect(lastShared(rewind('0/4000000'), mine)).toEqual({ timeline: 1, lsn: parseLsn('0/4000000') }));
  test('or as far as the own log can be read before', () =>
    expect(lastShared(rewind('0/6000000'), mine)).toEqual({ timeline: 1, lsn: end }));
  test('a copy needs nothing of it', () => expect(lastShared({ do: 'copy', why: '' }, mine)).toBeUndefined());
});
