import { messageOf } from '#lib/base/errors.ts';
import type { HallkeeperError } from '#lib/base/errors.ts';
import type { Rcode } from './message.ts';
import type { TsigError } from './tsig.ts';

/**
 * applied          The server changed the record. `took` the name from this epoch, or from nobody. `serverAheadMs`: our clock is wrong by
 *                  so much, or the server's.
 * unchanged        It had it already: an earlier try whose answer was lost, or another writer of the same epoch.
 * superseded       A later epoch has the name.
 * foreign          Somebody else has it.
 * refused          The server said no, signed: wrong rights, wrong zone.
 * unauthenticated  The server's answer is not signed by our key. A wrong key or key name looks like this.
 * failed           No usable answer.
 */
export type RecordOutcome =
  | { readonly outcome: 'applied'; readonly took: number | 'absent'; readonly serverAheadMs?: number }
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'superseded'; readonly epoch: number }
  | { readonly outcome: 'foreign'; readonly says: string }
  | { readonly outcome: 'refused'; readonly rcode: Rcode; readonly tsigError?: TsigError; readonly serverAheadMs?: number }
  | { readonly outcome: 'unauthenticated'; readonly says: string; readonly rcode?: Rcode; readonly tsigError?: TsigError }
  | { readonly outcome: 'failed'; readonly error: HallkeeperError };

/** An outcome for people, with the codes that the server's own log names, too. */
export function outcomeInWords(outcome: RecordOutcome): string {
  switch (outcome.outcome) {
    case 'applied':
      return outcome.serverAheadMs === undefined ? 'applied' : `applied, by the server's clock: it is ${apart(outcome.serverAheadMs)} ours`;
    case 'unchanged':
      return 'unchanged';
    case 'superseded':
      return `superseded by epoch ${outcome.epoch}`;
    case 'foreign':
      return `foreign: ${outcome.says}`;
    case 'refused':
      return `refused: ${[outcome.rcode, outcome.tsigError].filter(Boolean).join(', ')}`;
    case 'unauthenticated':
      return `unauthenticated: ${[outcome.rcode, outcome.tsigError, outcome.says].filter(Boolean).join(', ')}`;
    case 'failed':
      return `failed: ${messageOf(outcome.error)}`;
  }
}

const apart = (aheadMs: number): string => `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs < 0 ? 'behind' : 'ahead of'}`;
