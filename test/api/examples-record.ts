import { aPairRecord } from './builders.ts';
import { pattern } from './rule-example.ts';
import type { Changes, KindExamples, RuleExample } from './rule-example.ts';

type Mode = 'New' | 'Sync' | 'Solo' | 'Claim';

const base = {
  ...aPairRecord({
    spec: {
      sequence: 7,
      mode: 'Sync',
      primary: 'a',
      epoch: 3,
      author: 'a',
      systemIdentifier: '7311',
      acknowledged: { timeline: 1, lsn: '0/3000060' },
      changedAt: '2026-01-01T00:00:00Z',
    },
  }),
};

/** The record in a mode, led or claimed by a member in an epoch. */
function record(sequence: number, mode: Mode, primary: string | undefined, epoch: number): Changes {
  return { 'spec.sequence': sequence, 'spec.mode': mode, 'spec.primary': primary, 'spec.epoch': epoch };
}

/** A change that the rule accepts and one that it refuses, both from the same record. */
function change(rule: string, before: Changes, accepted: Changes, refused: Changes): RuleExample {
  return { at: 'spec', rule, before, accepted, refused };
}

const sync = record(7, 'Sync', 'a', 3);
const solo = record(7, 'Solo', 'a', 3);
const claimed = record(7, 'Claim', 'b', 4);
const unused = { ...record(0, 'New', undefined, 0), 'spec.systemIdentifier': undefined };

const modes = 'the protocol knows New to Solo';
const refusedWays: readonly (readonly [Changes, Changes, string])[] = [
  [sync, record(8, 'New', undefined, 0), 'Sync to New'],
  [solo, record(8, 'Claim', 'b', 4), 'Solo to Claim'],
  [claimed, record(8, 'Sync', 'b', 4), 'Claim to Sync'],
  [unused, record(1, 'Sync', 'a', 1), 'New to Sync'],
  [unused, record(1, 'Claim', 'a', 1), 'New to Claim'],
];

export const recordExamples: KindExamples = {
  base,
  examples: [
    {
      at: 'spec',
      rule: 'primary must be given',
      accepted: unused,
      refused: { 'spec.primary': undefined },
    },
    {
      at: 'spec',
      rule: 'epoch must be 0 in mode New',
      accepted: { 'spec.epoch': 1 },
      refused: { 'spec.epoch': 0 },
    },
    change('every change raises sequence', sync, record(8, 'Sync', 'a', 3), record(9, 'Sync', 'a', 3)),
    change('every change raises sequence', sync, record(8, 'Solo', 'a', 3), record(7, 'Solo', 'a', 3)),
    change('every change raises sequence', sync, { 'spec.sequence': 8 }, { 'spec.reason': 'no new sequence' }),
    change('epoch never goes back', sync, record(8, 'Claim', 'b', 4), record(8, 'Claim', 'b', 2)),
    change('formatVersion never goes back', { 'spec.formatVersion': 2 }, record(8, 'Solo', 'a', 3), {
      ...record(8, 'Solo', 'a', 3),
      'spec.formatVersion': 1,
    }),
    change('systemIdentifier never changes', sync, { 'spec.sequence': 8 }, { 'spec.sequence': 8, 'spec.systemIdentifier': undefined }),
    change('without a change of mode', sync, record(8, 'Sync', 'a', 3), record(8, 'Sync', 'b', 3)),
    change('without a change of mode', solo, record(8, 'Solo', 'a', 3), record(8, 'Solo', 'a', 4)),
    ...refusedWays.map(([before, refused, way]) => ({
      ...change(modes, before, { ...before, 'spec.sequence': Number(before['spec.sequence']) + 1 }, refused),
      says: `the protocol knows no way from ${way}`,
    })),
    change('between Sync and Solo', sync, record(8, 'Solo', 'a', 3), record(8, 'Solo', 'b', 3)),
    change('between Sync and Solo', solo, record(8, 'Sync', 'a', 3), record(8, 'Sync', 'a', 4)),
    change('a claim is made by the other member', sync, record(8, 'Claim', 'b', 4), record(8, 'Claim', 'a', 4)),
    change('a claim is made by the other member', sync, record(8, 'Claim', 'b', 4), record(8, 'Claim', 'b', 3)),
    change('a claim ends with the claimant', claimed, record(8, 'Solo', 'b', 4), record(8, 'Solo', 'b', 5)),
    change('a claim ends with the claimant', claimed, record(8, 'Solo', 'a', 5), record(8, 'Solo', 'a', 4)),
    change('the first leader begins epoch 1', unused, record(1, 'Solo', 'a', 1), record(1, 'Solo', 'a', 2)),
    pattern('spec.primary', 'b', 'server-1'),
    pattern('spec.systemIdentifier', '7311', '0x1c8f'),
    {
      at: 'spec.marks{}',
      rule: 'pattern',
      before: {},
      accepted: { 'spec.sequence': 8, 'spec.marks': { a: '5eed' } },
      refused: { 'spec.sequence': 8, 'spec.marks': { a: 'seed' } },
    },
    pattern('spec.acknowledged.lsn', '0/3000148', '3000148'),
    {
      at: 'spec.writers',
      rule: 'writers never change',
      before: {},
      accepted: { 'spec.sequence': 8 },
      refused: { 'spec.sequence': 8, 'spec.writers': ['somebody', 'else'] },
    },
    {
      at: 'spec.writers',
      rule: 'the two writers must be different',
      accepted: { 'spec.writers': ['one', 'other'] },
      refused: { 'spec.writers': ['one', 'one'] },
    },
  ],
};
