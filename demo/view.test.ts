import { expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Places } from './places.ts';
import { viewLines } from './view.ts';
import type { ViewFacts } from './view.ts';

const nothing = { value: undefined, problem: '' };
const facts: ViewFacts = {
  seen: { pair: nothing, addresses: nothing, terminals: nothing },
  places: { members: { a: '10.7.8.11', b: '10.7.8.12' } } as Places,
  name: 'pair-7.hall.test',
  writer: { acknowledged: 0, retries: 0, sinceLastMs: 0 },
};
const text = (more: Partial<ViewFacts>): string => viewLines({ ...facts, ...more }).join('\n');

test('before anything is seen, the view says so', () => {
  expect(text({})).toMatch(/pair +not seen yet\n +DNS +pair-7\.hall\.test → no address\n +terminals +0\/40 online/);
});

test('an unreachable member is told apart from its last role, and an address by its member', () => {
  const status = {
    primary: 'b',
    mode: 'Solo',
    epoch: 2,
    members: [
      { name: 'a', role: 'Primary', reachable: false },
      { name: 'b', role: 'Primary', reachable: true },
    ],
  };
  const pair = { value: { status } as unknown as FailoverPair, problem: '' };
  const addresses = { value: ['10.7.8.12'], problem: '' };
  const seen = text({ seen: { ...facts.seen, pair, addresses } });
  expect(seen).toContain('primary b  mode Solo  epoch 2  [a not reached, b Primary]  failover not possible now');
  expect(seen).toContain('pair-7.hall.test → 10.7.8.12 (b)');
});

test('the last that was seen stays, with the reason why there is nothing newer', () => {
  const addresses = { value: ['10.7.8.11'], problem: 'no answer' };
  expect(text({ seen: { ...facts.seen, addresses } })).toContain('10.7.8.11 (a)  (no answer)');
});

test('a writer that waits is told', () => {
  expect(text({ writer: { acknowledged: 7, retries: 3, sinceLastMs: 1_250 } })).toContain(
    '7 commits acknowledged, 3 attempts repeated, waiting for 1.3 s',
  );
});
