import { Metadata, status } from '@grpc/grpc-js';
import { HallkeeperError } from '#lib/base/errors.ts';
import { codeKey, retryAfterKey } from '#lib/link/limits.ts';

/** What a refused call gets: status, text, and in its metadata our stable code and when to come back. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

const statusByCode: Readonly<Record<string, status>> = {
  HK_HELLO_INVALID: status.INVALID_ARGUMENT,
  HK_ROSTER_INVALID: status.INVALID_ARGUMENT,
  HK_HISTORY_INVALID: status.INVALID_ARGUMENT,
  HK_OPTIONS_INVALID: status.INVALID_ARGUMENT,
  HK_TERMINAL_UNKNOWN: status.PERMISSION_DENIED,
  HK_PEER_NOT_ALLOWED: status.PERMISSION_DENIED,
  HK_TERMINAL_DUPLICATE: status.ALREADY_EXISTS,
  HK_TERMINAL_REPLACED: status.ABORTED,
  HK_RATE_EXCEEDED: status.RESOURCE_EXHAUSTED,
  HK_DEADLINE: status.DEADLINE_EXCEEDED,
  HK_LEDGER_AWAY: status.UNAVAILABLE,
  HK_LEDGER_STANDBY: status.UNAVAILABLE,
  HK_LEDGER_FALSE_ACK: status.UNAVAILABLE,
  HK_LEDGER_REFUSED: status.INVALID_ARGUMENT,
  HK_REIGN_OVER: status.UNAVAILABLE,
};

/** @param retryAfterMs  Least time before the same call is worth another try. */
export function refusalOf(error: unknown, retryAfterMs?: number): Refusal {
  const metadata = new Metadata();
  if (retryAfterMs !== undefined) metadata.set(retryAfterKey, String(retryAfterMs));
  if (!(error instanceof HallkeeperError)) return { code: status.INTERNAL, details: 'the server failed; its log says why', metadata };
  metadata.set(codeKey, error.code);
  return { code: statusByCode[error.code] ?? status.INTERNAL, details: error.message, metadata };
}
