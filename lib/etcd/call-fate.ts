import { status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';

/** Refusals that etcd, or what stands before it, gives instead of carrying a request out. */
const refusals: ReadonlySet<status> = new Set([
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
]);

/** Words of grpc-js for a call that found no connection to be sent on; it says them of no other. */
const neverSent = /^(No connection established|Name resolution failed)/;

/**
 * Whether a request that failed can have been carried out, or still can be. Only a definite refusal, or one that was never sent, is a
 * `no`: a request that ran into its limit may wait in a server for the election of a leader.
 */
export function fateOf({ code, details }: Pick<ServiceError, 'code' | 'details'>): 'no' | 'maybe' {
  if (refusals.has(code)) return 'no';
  // grpc-js itself uses this code too, for an answer that is too long: that request was carried out.
  if (code === status.RESOURCE_EXHAUSTED) return details.startsWith('etcdserver:') ? 'no' : 'maybe';
  return code === status.UNAVAILABLE && neverSent.test(details) ? 'no' : 'maybe';
}
