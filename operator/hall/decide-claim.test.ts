import { expect, test } from 'vitest';
import { decideClaim } from './decide-claim.ts';

const own = { namespace: 'a', name: 'north', uid: 'own' };
const other = { namespace: 'b', name: 'north', uid: 'other' };

test.each([
  ['nobody has it: creating it decides', undefined, 'gone', { do: 'create' }],
  ['we have it', own, 'wants it', { do: 'held' }],
  ['somebody who lives has it', other, 'wants it', { do: 'taken', by: other }],
  ['its holder is gone', other, 'gone', { do: 'replace' }],
  ['its holder wants something else', other, 'wants another', { do: 'replace' }],
  ['an earlier object of our own name held it', { ...own, uid: 'before' }, 'gone', { do: 'replace' }],
] as const)('%s', (_behaviour, holder, view, decision) => {
  expect(decideClaim(own, holder, view)).toEqual(decision);
});
