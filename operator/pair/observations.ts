import type { MemberStatus } from '#agents/member/contract.ts';
import type { DnsView, MemberView, RouteProblem } from './pair-view.ts';

/** What was last seen of one pair outside the cluster. Lives in memory: a new leader asks anew. */
export interface PairObservation {
  readonly members: ReadonlyMap<string, MemberView>;
  readonly dns: DnsView | undefined;
  /** Why the Service cannot be kept; absent when it can. */
  readonly routeProblem: RouteProblem | undefined;
  /** The newest record of which the members told, and the wall time when it was first heard of. */
  readonly recordSeen: RecordSeen | undefined;
}

export interface RecordSeen {
  readonly epoch: number;
  readonly sequence: number;
  readonly atMs: number;
}

/** So many calls in a row must fail before a member counts as not reachable: an agent that restarts is no news. */
export const failuresMax = 3;

/**
 * A host that is gone fails now in this way and now in that. Each change of words would be a write to the API server, so they are
 * renewed once in so many calls, about every minute.
 */
export const wordsEvery = 20;

interface MemberMemory extends MemberView {
  readonly failures: number;
}

interface PairMemory extends PairObservation {
  readonly members: ReadonlyMap<string, MemberMemory>;
}

const nothing: PairMemory = { members: new Map(), dns: undefined, routeProblem: undefined, recordSeen: undefined };

/**
 * Beyond so many pairs the one looked at longest ago is forgotten: pairs that were retained go without a word. Of one that lives it
 * costs that it counts as not asked until its next turn.
 */
export const pairsMax = 5_000;

/** Observations of all pairs, by UID. */
export class Observations {
  readonly #pairs = new Map<string, PairMemory>();

  of(uid: string): PairObservation {
    return this.#pairs.get(uid) ?? nothing;
  }

  answered(uid: string, member: string, status: MemberStatus): void {
    this.#note(uid, member, { reachable: true, status, why: undefined, failures: 0 });
  }

  failed(uid: string, member: string, why: string): void {
    const before = this.#pairs.get(uid)?.members.get(member);
    const failures = (before?.failures ?? 0) + 1;
    // Of a member that never answered there is nothing to lose: it counts as unreachable at once.
    const reachable = before?.reachable === true && failures < failuresMax;
    const keepsWords = before?.why !== undefined && before.reachable === reachable && failures % wordsEvery !== 0;
    this.#note(uid, member, { reachable, status: before?.status, why: keepsWords ? before.why : why, failures });
  }

  sawDns(uid: string, dns: DnsView | undefined): void {
    this.#change(uid, { dns });
  }

  sawRoute(uid: string, routeProblem: RouteProblem | undefined): void {
    this.#change(uid, { routeProblem });
  }

  /** Notes of which record the members told. Answers whether it is another one than before. */
  sawRecord(uid: string, { epoch, sequence }: Pick<RecordSeen, 'epoch' | 'sequence'>, atMs: number): boolean {
    const before = this.#pairs.get(uid)?.recordSeen;
    if (before?.epoch === epoch && before.sequence === sequence) return false;
    this.#change(uid, { recordSeen: { epoch, sequence, atMs } });
    return true;
  }

  forget(uid: string): void {
    this.#pairs.delete(uid);
  }

  #note(uid: string, member: string, memory: MemberMemory): void {
    this.#change(uid, { members: new Map([...(this.#pairs.get(uid)?.members ?? []), [member, memory]]) });
  }

  #change(uid: string, change: Partial<PairMemory>): void {
    const next = { ...(this.#pairs.get(uid) ?? nothing), ...change };
    this.#pairs.delete(uid);
    this.#pairs.set(uid, next);
    if (this.#pairs.size <= pairsMax) return;
    for (const oldest of this.#pairs.keys()) return void this.#pairs.delete(oldest);
  }
}
