import { expect, test } from 'vitest';
import { lossesOf } from './losses.ts';

const all = new Set([1, 2, 3]);
const some = new Set([1]);
const lostByTwo = '2 acknowledged writes are lost, 2 first';
const missingTwo = '2 acknowledged writes are missing on the standby, 2 first';

test.each([
  ['both copies hold everything', all, all, 0, []],
  ['the leader has lost something', some, all, 2, [lostByTwo]],
  ['the standby says that it is in step, and is not', all, some, 2, [missingTwo]],
  ['what is missing in both is lost once', some, some, 2, [lostByTwo, missingTwo]],
  ['nothing was read, and nothing is known', undefined, undefined, undefined, []],
  ['one copy alone does not show that nothing is lost', all, undefined, undefined, []],
  ['nor does the other', undefined, all, undefined, []],
  ['one copy is enough to show that something is', undefined, some, 2, [missingTwo]],
] as const)('%s', (_, leader, standby, lost, problems) => {
  expect(lossesOf([1, 2, 3], { leader, standby })).toEqual({ lost, problems });
});
