import type { MemberStatus } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import type { RecordView } from '../pair/known-record.ts';

/** One member as an operation sees it. */
export interface OperatedMember {
  readonly name: string;
  /** Whether it was asked at all since this process began: a member that was not is not one that is silent. */
  readonly asked: boolean;
  /** What the member said just now; undefined while it is not reached. */
  readonly status: MemberStatus | undefined;
  /** What its settings Secret holds. */
  readonly held: { readonly revision: string; readonly paused: boolean } | undefined;
}

/** Everything a decision about an operation may know. */
export interface OperationView {
  readonly operation: PairOperation;
  readonly pair: FailoverPair | undefined;
  readonly record: RecordView | undefined;
  readonly members: readonly OperatedMember[];
  /** Operations of the same pair that came first and are not finished. */
  readonly before: readonly string[];
  /** Wall time: `notAfter` is one. */
  readonly nowMs: number;
}
