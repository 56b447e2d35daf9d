import type { ArbiterSettings, MemberStatus } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { Secret } from '#lib/base/secret.ts';
import type { EndpointSlice, Service } from '../resources.ts';
import type { RecordView } from './known-record.ts';

/** What was seen of a member by asking its agent. */
export interface MemberView {
  /** False only after several calls in a row failed. */
  readonly reachable: boolean;
  /** The last answer; kept while the member is not reached, for its name and reports. */
  readonly status: MemberStatus | undefined;
  /** Why the last call failed. */
  readonly why: string | undefined;
}

/**
 * What one DNS server shows.
 *
 * moving       Not yet the primary of an epoch that has just begun, or already one of which we have not heard.
 * behind       Something older, though it had time; repaired at this very look where that is possible.
 * ahead        A later epoch than the pair's record knows.
 * unreachable  No answer.
 * failing      An answer that says nothing about the name: SERVFAIL, FORMERR and the like.
 * refused      An answer that our key does not sign, or a signed no to a repair.
 */
export interface DnsServerView {
  readonly server: string;
  readonly state: 'in sync' | 'moving' | 'behind' | 'ahead' | 'foreign' | 'unreachable' | 'failing' | 'refused';
  readonly says: string;
}

export interface DnsView {
  /** The epoch that was looked for. */
  readonly epoch: number;
  readonly servers: readonly DnsServerView[];
}

/** What was found under the name of the TSIG Secret. */
export type TsigView = { readonly found: true; readonly secret: Secret } | { readonly found: false; readonly says: string };

/** What was found under the name of the Secret with the members' certificate for etcd. */
export type EtcdTlsView =
  | { readonly found: true; readonly tls: Extract<ArbiterSettings, { kind: 'etcd' }>['tls'] }
  | { readonly found: false; readonly says: readonly string[] };

/**
 * The hall that the members serve, with the bundle of its authorities.
 *
 * as before  Nobody can say now: what the members were told stays.
 */
export type ServedHall =
  { readonly is: 'served'; readonly name: string; readonly authority: string } | { readonly is: 'none' } | { readonly is: 'as before' };

/** What is the matter with the certification authority of a pair. */
export interface AuthorityProblem {
  readonly reason: 'AuthorityUnreadable' | 'AuthorityLost';
  readonly message: string;
}

/** Why the Service cannot be kept. */
export interface RouteProblem {
  readonly reason: 'ObjectForeign' | 'NotApplied';
  readonly message: string;
}

/** Everything a decision about a pair may know. */
export interface PairView {
  readonly pair: FailoverPair;
  /** Halls that refer to the pair, the oldest first; those being deleted included. */
  readonly halls: readonly Hall[];
  readonly served: ServedHall;
  /** The pair's own. */
  readonly record: RecordView | undefined;
  /** A record of this name is there that an earlier pair left. */
  readonly earlierRecord: boolean;
  /** Absent: no DNS in the spec. */
  readonly tsig: TsigView | undefined;
  /** Absent: the arbiter is Kubernetes. */
  readonly etcdTls: EtcdTlsView | undefined;
  /** Pairs that were there before and use an address and port of this one. */
  readonly rivals: readonly { readonly pair: string; readonly place: string }[];
  /** By member name; absent before the first call. */
  readonly members: ReadonlyMap<string, MemberView>;
  readonly dns: DnsView | undefined;
  readonly slice: EndpointSlice | undefined;
  /** The pair's own Service. */
  readonly service: Service | undefined;
  readonly routeProblem: RouteProblem | undefined;
  /** Epochs that begin with a drill: the take-over in which they begin was asked for. */
  readonly drills: ReadonlySet<number>;
  /** Objects of our names that belong to somebody else. */
  readonly foreign: readonly string[];
  /** Digest of the settings that each member should have, by member name. */
  readonly revisions: ReadonlyMap<string, string>;
}
