import type { Heartbeat, LocalPostgres, MemberState, Operation, PeerLink } from './member-state.ts';
import type { MemberName, PairRecord, SeenRecord } from './pair-record.ts';

/**
 * How a request to the arbiter ended.
 *
 * won      Carried out; `seen` is what stands there now.
 * current  Not carried out, or only read: this is what stands there.
 * failed   No usable answer. `maybe`: it can still be carried out later.
 * absent   There is no record.
 * vacant   There is none, and as far as this member knows there never was: here the members create it themselves.
 * invalid  There is one that cannot be understood, or believed. `successor`: whom it names in an epoch after all that was believed.
 */
export type ArbiterAnswer =
  | { readonly kind: 'won'; readonly seen: SeenRecord }
  | { readonly kind: 'current'; readonly seen: SeenRecord }
  | { readonly kind: 'failed'; readonly carriedOut: 'no' | 'maybe'; readonly why: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'vacant' }
  | { readonly kind: 'invalid'; readonly why: string; readonly successor?: MemberName };

export type AskEnd = 'done' | 'refused' | 'failed';

export type OperationOutcome =
  | { readonly ok: true }
  /** `logEndsEarly`: nothing was started, for the own log cannot be read as far as was asked for. */
  | { readonly ok: false; readonly why: string; readonly logEndsEarly?: true };

/** Everything that can happen to a member. The shell stamps each with its monotonic clock. */
export type MemberEvent =
  | { readonly on: 'tick' }
  | { readonly on: 'arbiterAnswered'; readonly id: number; readonly answer: ArbiterAnswer }
  | { readonly on: 'recordHinted' }
  | { readonly on: 'postgresSeen'; readonly postgres: LocalPostgres }
  | { readonly on: 'postgresDied'; readonly postgres: LocalPostgres }
  | { readonly on: 'operationEnded'; readonly id: number; readonly outcome: OperationOutcome; readonly postgres: LocalPostgres }
  | { readonly on: 'heartbeat'; readonly heartbeat: Heartbeat }
  | { readonly on: 'peerLink'; readonly link: PeerLink }
  | {
      readonly on: 'canary';
      readonly which: 'local' | 'sync' | 'remote';
      readonly result: 'started' | 'ok' | 'alive' | 'failed' | 'refused';
      /** Of a good synchronous one: where in the log it stands. */
      readonly position?: bigint;
    }
  | { readonly on: 'switchoverAsked' | 'killAsked' | 'reinitialiseAsked'; readonly id: string }
  | { readonly on: 'paused'; readonly paused: boolean };

/** What the shell is to do. Everything else it reads from `outputsOf`. */
export type MemberEffect =
  | { readonly do: 'read'; readonly id: number }
  | { readonly do: 'create'; readonly id: number; readonly record: PairRecord }
  | {
      readonly do: 'swap';
      readonly id: number;
      readonly expect: SeenRecord;
      readonly next: PairRecord;
      readonly settles: boolean;
      readonly why: string;
    }
  | { readonly do: 'operate'; readonly id: number; readonly what: Operation; readonly why: string }
  | { readonly do: 'abort'; readonly id: number; readonly why: string }
  /** Kills the own PostgreSQL as a crash would, for a drill: its death is then seen and told like any other. */
  | { readonly do: 'killPostgres'; readonly id: string }
  /** Something that a person asked for by this id is over: done; refused, and nothing was changed; or begun and come to no good end. */
  | { readonly do: 'askEnded'; readonly id: string; readonly as: AskEnd; readonly why: string }
  | { readonly do: 'note'; readonly why: string };

export interface Step {
  readonly state: MemberState;
  readonly effects: readonly MemberEffect[];
}
