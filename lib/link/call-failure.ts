import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import type { HallkeeperError } from '#lib/base/errors.ts';
import { linkErrors } from './errors.ts';
import { codeKey, retryAfterKey } from './limits.ts';

/** Why a call failed, for counting: the reasons of `CallFailure` in terminal_link.proto. */
export type FailureReason = 'connect' | 'identity' | 'silent' | 'broken' | 'refused';

/** OpenSSL and Node words for a certificate that was refused by either side. */
const identityWords =
  /certificate|CERT_|self.signed|unable to verify|alert (unknown ca|bad certificate|access denied)|HK_CERT|HK_IDENTITY|HK_LINK_IDENTITY|not who was expected|not an identity/i;

/**
 * Reads what grpc-js says about a failed call.
 *
 * @param wasOpen  Whether the connection had been used before it failed.
 */
export function failureReasonOf(error: ServiceError, wasOpen: boolean): FailureReason {
  if (error.code === status.UNAVAILABLE && !wasOpen) return identityWords.test(error.details) ? 'identity' : 'connect';
  if (error.code === status.DEADLINE_EXCEEDED) return wasOpen ? 'silent' : 'connect';
  if (connectionCodes.has(error.code)) return wasOpen ? 'broken' : 'connect';
  return 'refused';
}

/** What grpc-js itself says when a connection breaks; everything else comes from the server. */
const connectionCodes: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.CANCELLED, status.INTERNAL, status.UNKNOWN]);

const raiseBy = {
  connect: linkErrors.HK_LINK_UNREACHABLE,
  identity: linkErrors.HK_LINK_IDENTITY,
  silent: linkErrors.HK_LINK_SILENT,
  broken: linkErrors.HK_LINK_BROKEN,
  refused: linkErrors.HK_LINK_REFUSED,
} as const satisfies Record<FailureReason, unknown>;

/** The failure as an error of ours; its cause is the original. */
export function linkErrorOf(error: ServiceError, wasOpen: boolean): HallkeeperError {
  return raiseBy[failureReasonOf(error, wasOpen)](`${status[error.code]} ${error.details}`, { cause: error });
}

/** The wait a refusal asks for, in milliseconds, at most `capMs`; undefined when it names none. */
export function retryAfterMsOf(error: ServiceError, capMs: number): number | undefined {
  const [value] = error.metadata?.get(retryAfterKey) ?? [];
  const ms = typeof value === 'string' && /^[0-9]{1,9}$/.test(value) ? Number(value) : undefined;
  return ms === undefined ? undefined : Math.min(ms, capMs);
}

/** Our stable code in a refusal, such as HK_TERMINAL_UNKNOWN. */
export function refusalCodeOf(error: ServiceError): string | undefined {
  const [value] = error.metadata?.get(codeKey) ?? [];
  return typeof value === 'string' ? value : undefined;
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}
