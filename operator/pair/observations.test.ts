import { expect, test } from 'vitest';
import { aMemberStatus } from '../testing/stand-in-member.ts';
import { Observations, pairsMax } from './observations.ts';

test('what is seen of one pair from different sides stands together, and is forgotten together', () => {
  const observations = new Observations();
  const status = aMemberStatus({ member: 'a' });
  observations.answered('u', 'a', status);
  observations.sawDns('u', { epoch: 1, servers: [] });
  observations.sawRoute('u', { reason: 'NotApplied', message: 'm' });
  expect(observations.sawRecord('u', { epoch: 1, sequence: 2 }, 7)).toBe(true);
  expect(observations.sawRecord('u', { epoch: 1, sequence: 2 }, 8)).toBe(false);
  expect(observations.of('u')).toMatchObject({
    dns: { epoch: 1 },
    routeProblem: { reason: 'NotApplied' },
    recordSeen: { epoch: 1, sequence: 2, atMs: 7 },
  });
  expect(observations.of('u').members.get('a')).toMatchObject({ reachable: true, status });
  observations.sawDns('u', undefined);
  expect(observations.of('u').dns).toBeUndefined();
  expect(observations.of('u').members.size).toBe(1);
  observations.forget('u');
  expect(observations.of('u')).toEqual(new Observations().of('u'));
});

test('of pairs that went without a word no more is kept than has a bound, the one seen longest ago first', () => {
  const observations = new Observations();
  for (let pair = 0; pair <= pairsMax; pair += 1) {
    observations.failed(`u${pair}`, 'a', 'gone');
    observations.failed('lives', 'a', 'silent');
  }
  expect(observations.of('u0').members.size).toBe(0);
  expect(observations.of(`u${pairsMax}`).members.size).toBe(1);
  expect(observations.of('lives').members.size).toBe(1);
});
