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

const none: ReadonlyMap<string, MemberMemory> = new Map();

/** Observations of all pairs, by UID. */
export class Observations {
  readonly #members = new Map<string, ReadonlyMap<string, MemberMemory>>();
  readonly #dns = new Map<string, DnsView>();
  readonly #routes = new Map<string, RouteProblem>();
  readonly #records = new Map<string, RecordSeen>();

  of(uid: string): PairObservation {
    return {
      members: this.#members.get(uid) ?? none,
      dns: this.#dns.get(uid),
      routeProblem: this.#routes.get(uid),
      recordSeen: this.#records.get(uid),
    };
  }

  answered(uid: string, member: string, status: MemberStatus): void {
    this.#put(uid, member, { reachable: true, status, why: undefined, failures: 0 });
  }

  failed(uid: string, member: string, why: string): void {
    const before = this.#members.get(uid)?.get(member);
    const failures = (before?.failures ?? 0) + 1;
    // Of a member that never answered there is nothing to lose: it counts as unreachable at once.
    const reachable = before?.reachable === true && failures < failuresMax;
    const keepsWords = before?.why !== undefined && before.reachable === reachable && failures % wordsEvery !== 0;
    this.#put(uid, member, { reachable, status: before?.status, why: keepsWords ? before.why : why, failures });
  }

  sawDns(uid: string, dns: DnsView | undefined): void {
    if (dns === undefined) this.#dns.delete(uid);
    else this.#dns.set(uid, dns);
  }

  sawRoute(uid: string, problem: RouteProblem | undefined): void {
    if (problem === undefined) this.#routes.delete(uid);
    else this.#routes.set(uid, problem);
  }

  /** Notes of which record the members told. Answers whether it is another one than before. */
  sawRecord(uid: string, { epoch, sequence }: Pick<RecordSeen, 'epoch' | 'sequence'>, atMs: number): boolean {
    const before = this.#records.get(uid);
    if (before?.epoch === epoch && before.sequence === sequence) return false;
    this.#records.set(uid, { epoch, sequence, atMs });
    return true;
  }

  forget(uid: string): void {
    this.#records.delete(uid);
    this.#routes.delete(uid);
    this.#members.delete(uid);
    this.#dns.delete(uid);
  }

  #put(uid: string, member: string, memory: MemberMemory): void {
    this.#members.set(uid, new Map([...(this.#members.get(uid) ?? []), [member, memory]]));
  }
}
