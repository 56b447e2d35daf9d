import type { ArbiterAnswer } from '#lib/pair/events.ts';
import type { PairRecord, SeenRecord } from '#lib/pair/pair-record.ts';

/**
 * The arbiter as a member sees it. Both calls answer within their limit and never throw: whether an unanswered request may still be
 * carried out is part of the answer, because the protocol depends on it.
 */
export interface RecordStore {
  /** Reads what stands there now, from the arbiter itself and no cache. */
  read(signal: AbortSignal): Promise<ArbiterAnswer>;
  /** Creates the record where none was ever seen. Asked only after `vacant`, which only a store says where members may create it. */
  create(record: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer>;
  /** Replaces exactly the record that was seen. `won` only when the arbiter confirmed a new version. */
  swap(expect: SeenRecord, next: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer>;
  /** Calls `changed` when the record may have changed, until the signal aborts. A hint: it may come late, twice or not at all. */
  watch(changed: () => void, signal: AbortSignal): Promise<void>;
}
