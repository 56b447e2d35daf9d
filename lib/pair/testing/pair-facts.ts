import type { PairFacts } from '../explain.ts';
import type { KnownRecord, MemberFacts } from '../member-facts.ts';

/** `a` leads `b`, in epoch 3. */
export const syncRecord: KnownRecord = { sequence: 9, mode: 'sync', epoch: 3, primary: 'a' };

/** The standby `b` of a synchronous pair that is well. */
export function aStandbyFacts(change: Partial<MemberFacts> = {}): MemberFacts {
  return {
    name: 'b',
    record: syncRecord,
    frozen: undefined,
    arbiterReached: true,
    paused: false,
    whenStandbyLost: 'continue',
    postgres: 'running',
    role: 'standby',
    data: 'complete',
    copying: false,
    streaming: true,
    waitsFor: 'gate',
    hearsPeer: true,
    stuck: undefined,
    replayBehind: false,
    ...change,
  };
}

/** Its primary `a`. */
export function aPrimaryFacts(change: Partial<MemberFacts> = {}): MemberFacts {
  return { ...aStandbyFacts(), name: 'a', role: 'primary', waitsFor: 'peer', ...change };
}

/** What an observer knows of that pair who hears both members. */
export function pairFacts(change: Partial<PairFacts> = {}): PairFacts {
  return {
    members: ['a', 'b'],
    record: syncRecord,
    recordLost: undefined,
    paused: false,
    heard: [aPrimaryFacts(), aStandbyFacts()],
    diskFull: [],
    ...change,
  };
}
