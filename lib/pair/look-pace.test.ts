import { expect, test } from 'vitest';
import { lookPaceMs, lookPauseMs } from './look-pace.ts';
import { aMember, aPrimary, ago, downPostgres, records } from './testing/a-member.ts';

test.each([
  { what: 'a synchronous primary that is well', state: aPrimary(), pace: 'quiet' },
  { what: 'a standby that streams', state: aMember(), pace: 'quiet' },
  { what: 'a commit that waits', state: aPrimary({ canaries: { sync: { pendingSinceMs: ago(101) } } }), pace: 'alert' },
  { what: 'a probe under way', state: aPrimary({ canaries: { sync: { pendingSinceMs: ago(100) } } }), pace: 'quiet' },
  { what: 'a primary that does not answer SQL', state: aMember({ canaries: { remote: { pendingSinceMs: ago(101) } } }), pace: 'alert' },
  { what: 'a peer that was not heard twice', state: aMember({ peerView: { heardMs: ago(201) } }), pace: 'alert' },
  { what: 'a link that ended', state: aMember({ peerView: { link: 'ended' } }), pace: 'alert' },
  { what: 'a primary without its standby', state: aPrimary({ postgres: { peerAttached: false } }), pace: 'alert' },
  { what: 'a standby without its stream', state: aMember({ postgres: { streaming: false } }), pace: 'alert' },
  { what: 'an operation', state: aPrimary({ operation: { do: 'checkpoint' } }), pace: 'alert' },
  { what: 'a leader alone', state: aPrimary({ record: records.solo, postgres: { names: 'none' } }), pace: 'alert' },
  { what: 'a server that is down', state: aPrimary({ postgres: downPostgres }), pace: 'alert' },
  { what: 'a record that is not known', state: aPrimary({ record: undefined }), pace: 'alert' },
] as const)('$what: looks are $pace', ({ state, pace }) => {
  expect(lookPauseMs(state)).toBe(lookPaceMs[pace]);
});
