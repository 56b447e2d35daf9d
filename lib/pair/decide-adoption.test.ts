import { describe, expect, test } from 'vitest';
import { adoptedRecord, decideAdoption } from './decide-adoption.ts';
import type { AdoptionSide } from './decide-adoption.ts';
import type { MemberFacts } from './member-facts.ts';
import { isForward } from './pair-record.ts';
import { aPrimaryFacts, aStandbyFacts, syncRecord } from './testing/pair-facts.ts';

const side = (facts: MemberFacts, change: Partial<AdoptionSide> = {}): AdoptionSide => ({
  name: facts.name,
  facts: { ...facts, frozen: 'the record is missing' },
  systemIdentifier: '7',
  timeline: 3,
  position: { flushed: 5_000n, exact: true },
  ...change,
});
const a = (facts: Partial<MemberFacts> = {}, change: Partial<AdoptionSide> = {}): AdoptionSide => side(aPrimaryFacts(facts), change);
const b = (facts: Partial<MemberFacts> = {}, change: Partial<AdoptionSide> = {}): AdoptionSide => side(aStandbyFacts(facts), change);
const down = { postgres: 'down', streaming: false } as const;
const at = (flushed: bigint, exact = true): Partial<AdoptionSide> => ({ position: { flushed, exact } });

interface Row {
  readonly behaviour: string;
  readonly chosen: AdoptionSide;
  readonly other: AdoptionSide;
  readonly is: 'refused' | 'losing' | 'whole';
  readonly says: RegExp;
}

const rows: readonly Row[] = [
  { behaviour: 'the primary whose standby streams', chosen: a(), other: b(), is: 'whole', says: /b streams from a/ },
  {
    behaviour: 'and that standby seems ahead, being asked later',
    chosen: a(),
    other: b({}, at(5_100n)),
    is: 'whole',
    says: /b streams from a/,
  },
  {
    behaviour: 'the standby of a primary that waits for it',
    chosen: b(),
    other: a({}, at(5_100n)),
    is: 'whole',
    says: /a acknowledges nothing/,
  },
  {
    behaviour: 'the standby that was only being admitted, and is behind',
    chosen: b(),
    other: a({ record: { ...syncRecord, mode: 'solo' } }, at(5_100n)),
    is: 'losing',
    says: /a has 100 bytes of log that b lacks/,
  },
  {
    behaviour: 'the standby of a primary that commits alone',
    chosen: b(),
    other: a({ waitsFor: 'none' }),
    is: 'losing',
    says: /commits alone/,
  },
  { behaviour: 'two primaries', chosen: b({ role: 'primary' }), other: a(), is: 'losing', says: /both members run as primary/ },
  { behaviour: 'the other member is silent', chosen: b(), other: { ...a(), facts: undefined }, is: 'losing', says: /switch it off first/ },
  { behaviour: 'the chosen member is silent', chosen: { ...b(), facts: undefined }, other: a(), is: 'refused', says: /b is not heard/ },
  {
    behaviour: 'the chosen member has no proof, and the other one has',
    chosen: b({ data: 'incomplete' }),
    other: a(),
    is: 'refused',
    says: /b has no proof.*whatever loss is accepted: choose a$/,
  },
  {
    behaviour: 'the chosen member has no proof, and the other one is silent',
    chosen: b({ data: 'incomplete' }),
    other: { ...a(), facts: undefined },
    is: 'refused',
    says: /b has no proof.*whatever loss is accepted: start a, which is not heard, and choose it; when it is gone for good, only a backup helps$/,
  },
  {
    behaviour: 'neither member has its proof',
    chosen: b({ data: 'incomplete', ...down }),
    other: a({ data: 'incomplete', ...down }),
    is: 'refused',
    says: /b has no proof.*: nor may a lead, so only a backup helps$/,
  },
  {
    behaviour: 'the chosen member is empty',
    chosen: b({ data: 'empty', ...down }),
    other: a(),
    is: 'refused',
    says: /^b holds no data.*: choose a$/,
  },
  {
    behaviour: 'the chosen member does not say what it holds',
    chosen: b({}, { systemIdentifier: undefined }),
    other: a(),
    is: 'refused',
    says: /which cluster/,
  },
  {
    behaviour: 'the other one holds another cluster',
    chosen: a(),
    other: b({}, { systemIdentifier: '8' }),
    is: 'losing',
    says: /identifier 8/,
  },
  { behaviour: 'the other one is empty', chosen: a(), other: b({ data: 'empty', ...down }), is: 'whole', says: /b holds no data/ },
  {
    behaviour: 'the other one is a part of a copy',
    chosen: a(),
    other: b({ data: 'incomplete', ...down }),
    is: 'whole',
    says: /incomplete/,
  },
  {
    behaviour: 'the copy of the other one has only begun, and does not tell yet of which cluster it is',
    chosen: a(),
    other: b({ data: 'incomplete', ...down }, { systemIdentifier: undefined }),
    is: 'whole',
    says: /The copy of b is incomplete/,
  },
  {
    behaviour: 'the other one is complete and does not tell of which cluster',
    chosen: b(),
    other: a(down, { systemIdentifier: undefined }),
    is: 'losing',
    says: /a does not tell which cluster it holds: what b lacks of it is lost/,
  },
  {
    behaviour: 'what the other one is a part of is another cluster',
    chosen: a(),
    other: b({ data: 'incomplete', ...down }, { systemIdentifier: '8' }),
    is: 'losing',
    says: /identifier 8/,
  },
  {
    behaviour: 'the other one lost its proof while it leads alone',
    chosen: b({ streaming: false }),
    other: a({ data: 'incomplete', waitsFor: 'none' }),
    is: 'losing',
    says: /a is the primary and commits alone/,
  },
  {
    behaviour: 'the other one lost its proof, led by the newest record, and is down',
    chosen: b(down, at(5_000n)),
    other: a({ data: 'incomplete', ...down, role: 'standby', record: { ...syncRecord, mode: 'solo', sequence: 10 } }, at(6_000n)),
    is: 'losing',
    says: /a has 1000 bytes of log/,
  },
  {
    behaviour: 'the other one has no proof, is down, and nobody knows who led',
    chosen: b({ ...down, record: undefined }),
    other: a({ data: 'incomplete', ...down, role: 'standby', record: undefined }, { position: undefined }),
    is: 'losing',
    says: /not known yet/,
  },
  {
    behaviour: 'the other one is a part of a copy that knows an older record only',
    chosen: b({ role: 'primary', waitsFor: 'none', record: { ...syncRecord, mode: 'solo', primary: 'b', epoch: 4, sequence: 12 } }),
    other: a({ data: 'incomplete', ...down, role: 'standby' }),
    is: 'whole',
    says: /The copy of a is incomplete/,
  },
  {
    behaviour: 'the other one led alone by the newest record, and its disk was replaced',
    chosen: b(),
    other: a({ data: 'empty', ...down, role: 'standby', record: { ...syncRecord, mode: 'solo', sequence: 10 } }),
    is: 'losing',
    says: /a led alone and holds no data any more/,
  },
  {
    behaviour: 'the other one led with its peer, and its disk was replaced',
    chosen: b(),
    other: a({ data: 'empty', ...down, role: 'standby' }),
    is: 'whole',
    says: /a holds no data/,
  },
  {
    behaviour: 'the chosen member is known to lack something, and the other one holds no data',
    chosen: b({ role: 'primary', stuck: 'what it received cannot be read to the end, so it lacks what was acknowledged' }),
    other: a({ data: 'empty', ...down }),
    is: 'losing',
    says: /^b lacks what was acknowledged, and that is lost: what it received cannot be read to the end/,
  },
  {
    behaviour: 'the chosen member is known to lack something, and the other one is silent',
    chosen: b({ role: 'primary', stuck: 'what it received cannot be read to the end, so it lacks what was acknowledged' }),
    other: { ...a(), facts: undefined },
    is: 'losing',
    says: /^b lacks what was acknowledged.*switch it off first/,
  },
  {
    behaviour: 'the chosen member is stuck by something by which nothing is lost',
    chosen: b({ stuck: 'its replay stands still with something left to replay' }),
    other: a({ data: 'empty', ...down }),
    is: 'whole',
    says: /a holds no data/,
  },
  { behaviour: 'both are down, and equal', chosen: b(down), other: a(down), is: 'whole', says: /at least as far/ },
  {
    behaviour: 'both are down, and the chosen one is ahead',
    chosen: b(down, at(6_000n)),
    other: a(down),
    is: 'whole',
    says: /at least as far/,
  },
  {
    behaviour: 'both are down, and the other one is ahead',
    chosen: b(down),
    other: a(down, at(5_001n)),
    is: 'losing',
    says: /1 bytes of log/,
  },
  {
    behaviour: 'the other one is down, and nobody has looked for the end of its log',
    chosen: b(down),
    other: a(down, at(4_000n, false)),
    is: 'losing',
    says: /may reach beyond/,
  },
  {
    behaviour: 'the end of the own log is not known, but far enough',
    chosen: b(down, at(5_000n, false)),
    other: a(down),
    is: 'whole',
    says: /at least as far/,
  },
  {
    behaviour: 'nobody knows how far they are',
    chosen: b(down, { position: undefined }),
    other: a(down),
    is: 'losing',
    says: /not known yet/,
  },
  {
    behaviour: 'they are on different timelines',
    chosen: b(down, { timeline: 4 }),
    other: a(down),
    is: 'losing',
    says: /a is on timeline 3, b on 4/,
  },
  { behaviour: 'a primary whose standby has come off', chosen: a(), other: b({ streaming: false }), is: 'whole', says: /at least as far/ },
];

describe('a member is adopted when it holds everything that the other one has', () => {
  for (const { behaviour, chosen, other, is, says } of rows) {
    test(`${behaviour}: ${is}`, () => {
      const { refusals, losses, because } = decideAdoption(chosen, other);
      expect([refusals.length > 0, losses.length > 0, because.length > 0]).toEqual([is === 'refused', is === 'losing', is === 'whole']);
      expect([...refusals, ...losses, ...because].join(' ')).toMatch(says);
    });
  }
});

test('two logs at rest are compared by their pasts, whatever their numbers say', () => {
  const lags = at(4_000n);
  const of = (contained: boolean) => decideAdoption(b(down, lags), a({ ...down }, { timeline: 2 }), { contained, why: 'x' });
  expect(of(true)).toMatchObject({ losses: [], because: [expect.stringContaining('The log of b holds that of a')] });
  expect(of(false)).toMatchObject({ because: [], losses: [expect.stringContaining('the log of a is no part of that of b (x)')] });
});

describe('the record that is written', () => {
  const given = { primary: 'b', systemIdentifier: '7', author: 'jo', reason: 'adopted', wallSeconds: 0 } as const;
  const known = [
    { sequence: 40, epoch: 6 },
    { sequence: 44, epoch: 5 },
  ];

  test('is newer than everything that either member knows, so that both believe it', () => {
    const record = adoptedRecord({ ...given, known, bothHeard: true });
    expect(record).toMatchObject({ mode: 'solo', primary: 'b', epoch: 7, systemIdentifier: '7', author: 'jo', reason: 'adopted' });
    for (const each of known) expect(isForward({ ...record, ...each, primary: 'a' }, record)).toBe(true);
    expect(record.sequence).toBeGreaterThan(45);
  });

  test('is newer, too, than what nobody remembers', () => {
    expect(adoptedRecord({ ...given, known: [], wallSeconds: 1_800_000_000.7, bothHeard: true }).sequence).toBe(1_800_000_000);
  });

  test('leaves the next epoch to a silent member, which may have led in it', () => {
    expect(adoptedRecord({ ...given, known, bothHeard: false }).epoch).toBe(8);
  });
});
