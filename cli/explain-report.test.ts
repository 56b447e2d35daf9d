import { expect, test } from 'vitest';
import type { CommandPorts } from './command-frame.ts';
import { explainPair, explanationAsJson } from './explain-report.ts';
import { explainCommand } from './look-commands.ts';
import type { PairSeen } from './pair-seen.ts';
import { aPairSeen, aPrimaryStatus, aStandbyStatus } from './testing/pairs.ts';

const wallMs = Date.parse('2026-01-02T03:04:05Z');

/** What the command prints of a pair, under an operator that lives, and its exit code. */
async function explain({ pair, record }: PairSeen) {
  const printed: string[] = [];
  const lease = { spec: { holderIdentity: 'h', renewTime: new Date(wallMs).toISOString() } };
  const find = ({ kind }: { readonly kind: string }): Promise<unknown> =>
    Promise.resolve(kind === 'Lease' ? lease : kind === 'FailoverPair' ? pair : record);
  const ports = {
    client: { find, list: () => Promise.resolve({ items: [] }) },
    namespace: 'hall-7',
    clock: { nowMs: () => 0, wallMs: () => wallMs, sleep: () => Promise.resolve() },
    print: (text: string) => void printed.push(text),
    progress: () => undefined,
    signal: new AbortController().signal,
  };
  const line = { positionals: ['pair-7'], has: () => false, text: () => undefined };
  const code = await explainCommand.run(line, ports as unknown as CommandPorts);
  return { code, words: printed.join('') };
}

const cutShort = 'the log on its disk ends before that of the other member, so it lacks what was acknowledged';
const claimB = { mode: 'Claim', primary: 'b', epoch: 4, sequence: 10 } as const;
const cut = aPrimaryStatus({ postgresql: 'Down', streaming: false, stuck: cutShort });
const refusedClaim = (heard: 'Directly' | 'NotHeard'): PairSeen =>
  aPairSeen(
    {
      members: [
        aPrimaryStatus({ heard, knows: claimB }),
        aStandbyStatus({ role: 'Primary', streaming: false, stuck: cutShort, knows: claimB }),
      ],
    },
    claimB,
  );

const rows: readonly (readonly [behaviour: string, PairSeen, code: number, headline: RegExp, never?: RegExp])[] = [
  ['a pair that is well', aPairSeen(), 0, /if a died now, b would take over/],
  [
    'a paused pair whose primary is dead',
    aPairSeen({ members: [aPrimaryStatus({ heard: 'NotHeard' }), aStandbyStatus({ streaming: false })] }, {}, { paused: true }),
    6,
    /Nobody serves clients now.*Nobody takes over \(Paused\)\./,
  ],
  [
    'a paused pair of whose primary only the agent is dead, for all that is known: clients may be served',
    aPairSeen({ members: [aPrimaryStatus({ heard: 'NotHeard' }), aStandbyStatus()] }, {}, { paused: true }),
    3,
    /The agent of a.*at most its PostgreSQL.*serves clients\. If that ends, nobody takes over \(Paused\)\.\n/,
    /What each fault|started again by the agent/,
  ],
  [
    'a lost record, and of the primary only the agent is dead, for all that is known',
    aPairSeen({ members: [aPrimaryStatus({ heard: 'NotHeard' }), aStandbyStatus()] }, 'gone'),
    3,
    /at most its PostgreSQL.*serves clients\. If that ends, nobody takes over \(RecordLost\)\.\n/,
  ],
  [
    'a primary whose log was cut short, and its standby takes over',
    aPairSeen({ members: [cut, aStandbyStatus({ streaming: false })] }),
    0,
    /a does not lead: the log on its disk ends.*acknowledged\. b takes the lead, and nothing is lost\.\n/,
    /if a died|goes on alone/i,
  ],
  [
    'the same where the standby is silent',
    aPairSeen({ members: [cut, aStandbyStatus({ heard: 'NotHeard' })] }),
    6,
    /Nobody serves clients now: a.*the log on its disk.*Nobody takes over \(StandbyLost\)\.\n/,
    /if a died|goes on alone/i,
  ],
  [
    'a claim that cannot be opened and is taken back',
    refusedClaim('Directly'),
    0,
    /b has claimed the lead and does not open.*a takes the lead, and nothing is lost\.\n/,
    /if b died/i,
  ],
  [
    'a claim that cannot be opened, and nobody to take it back',
    refusedClaim('NotHeard'),
    6,
    /Nobody serves clients now: b has claimed/,
    /if b died/i,
  ],
];
for (const [behaviour, seen, code, headline, never] of rows) {
  test(`${behaviour}: exit code ${code}`, async () => {
    const { words, code: ended } = await explain(seen);
    expect(words.split('\n')[0] + '\n').toMatch(headline);
    if (never !== undefined) expect(words).not.toMatch(never);
    expect(ended).toBe(code);
  });
}

test('a script is told what is not known, too', () => {
  const seen = aPairSeen({ members: [aPrimaryStatus({ heard: 'NotHeard' }), aStandbyStatus()] }, {}, { paused: true });
  const json = explanationAsJson(explainPair(seen, { lease: 'l', agoMs: 0, stale: undefined, justBegun: false }));
  expect(json).toMatchObject({ maybeServed: expect.stringContaining('at most its PostgreSQL') });
  expect(json).not.toHaveProperty('unserved');
});
