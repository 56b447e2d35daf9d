import { expect, test } from 'vitest';
import { decideRosterPush, pushAgainMs, storedUnseenMs } from './decide-roster-push.ts';

const open = { connected: true, known: true, rosterRevision: 'old' };
const attempt = { revision: 'new', stored: false, refused: false, why: 'busy', atMs: 1_000 };

test.each([
  ['another revision is stored', open, undefined, 1_000, { do: 'put' }],
  ['the right one is stored', { ...open, rosterRevision: 'new' }, undefined, 1_000, { do: 'nothing' }],
  ['nobody leads', { ...open, connected: false }, undefined, 1_000, { do: 'nothing' }],
  ['nothing is known yet', { ...open, known: false }, undefined, 1_000, { do: 'nothing' }],
  ['an attempt with an earlier revision does not count', open, { ...attempt, revision: 'older' }, 1_000, { do: 'put' }],
  ['after a failure it waits', open, attempt, 1_500, { do: 'wait', ms: pushAgainMs - 500 }],
  ['and tries again', open, attempt, 1_000 + pushAgainMs, { do: 'put' }],
  ['what is refused is not repeated', open, { ...attempt, refused: true }, 1_000_000, { do: 'nothing' }],
  ['what was stored is on its way through the feed', open, { ...attempt, stored: true }, 1_000, { do: 'wait', ms: storedUnseenMs }],
  ['but not for ever', open, { ...attempt, stored: true }, 1_000 + storedUnseenMs, { do: 'put' }],
] as const)('%s', (_behaviour, picture, last, nowMs, push) => {
  expect(decideRosterPush('new', picture, last, nowMs)).toEqual(push);
});
