import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { aStoredPair, aStoredRecord } from '#test/api/stored-pair.ts';
import { sliceOf } from '../pair/act-route.ts';
import type { PairView } from '../pair/pair-view.ts';
import type { EndpointSlice } from '../resources.ts';
import { aMemberStatus } from './stand-in-member.ts';
import type { MemberStatusWish } from './stand-in-member.ts';

export function aSlice(pair: FailoverPair, address: string, epoch: number): EndpointSlice {
  return sliceOf(pair, address, epoch);
}

/** A member that was just heard. */
export const heard = (change: MemberStatusWish = {}): PairView['members'] extends ReadonlyMap<string, infer V> ? V : never => ({
  reachable: true,
  status: aMemberStatus({ settingsRevision: 'r1', ...change }),
  why: undefined,
});

/** Both members are well, `a` leads in Sync, and nothing is wrong. */
export function aPairView(change: Partial<PairView> = {}): PairView {
  return {
    pair: aStoredPair(),
    halls: [],
    served: { is: 'none' },
    record: aStoredRecord(),
    earlierRecord: false,
    tsig: undefined,
    etcdTls: undefined,
    rivals: [],
    members: new Map([
      ['a', heard({ member: 'a', role: 'primary', step: 'leading', lagBytes: 0 })],
      ['b', heard({ member: 'b', step: 'following' })],
    ]),
    dns: undefined,
    slice: undefined,
    service: undefined,
    routeProblem: undefined,
    drills: new Set(),
    foreign: [],
    revisions: new Map([
      ['a', 'r1'],
      ['b', 'r1'],
    ]),
    ...change,
  };
}
