import { Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { linkErrorOf } from './call-failure.ts';
import { targetOf } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { linkErrors } from './errors.ts';
import { FleetAdminClient } from './gen/hallkeeper/v1/fleet_admin.ts';
import type { PutRosterAnswer, PutRosterRequest } from './gen/hallkeeper/v1/fleet_admin.ts';
import { clientChannelOptions, fleetMessageBytesMax, unaryDeadlineMs } from './limits.ts';
import type { PairLink } from './watch-fleet.ts';

/** How a roster was received: committed, or refused because another revision than the expected one is stored. */
export type PutRosterResult =
  | { readonly kind: 'stored'; readonly epoch: bigint; readonly revision: string }
  | { readonly kind: 'conflict'; readonly epoch: bigint; readonly storedRevision: string };

/**
 * Stores the roster at whichever member leads; answered after the commit. Repeating it is harmless.
 *
 * @throws HK_LINK_REFUSED      when the leading member refuses this roster or this caller by name.
 * @throws HK_LINK_NOT_PRIMARY  when no member took it; the message says of each why.
 */
export async function putRoster(link: PairLink, request: PutRosterRequest, signal: AbortSignal): Promise<PutRosterResult> {
  const endpoints = await link.findEndpoints(signal);
  const reasons: string[] = [];
  for (const endpoint of endpoints) {
    signal.throwIfAborted();
    try {
      const { pairUid, epoch, body } = await putRosterAt(endpoint, link, request, signal);
      if (pairUid !== link.pairUid) throw linkErrors.HK_LINK_FOREIGN_PAIR(pairUid.slice(0, 64));
      if (body?.$case === 'stored') return { kind: 'stored', epoch, revision: body.value.revision };
      if (body?.$case === 'conflict') return { kind: 'conflict', epoch, storedRevision: body.value.storedRevision };
      reasons.push(`${endpoint.address} does not lead`);
    } catch (error) {
      if (signal.aborted || codeOf(error) === 'HK_LINK_REFUSED') throw error;
      reasons.push(`${endpoint.address}: ${messageOf(error)}`);
    }
  }
  throw linkErrors.HK_LINK_NOT_PRIMARY(reasons.length === 0 ? 'no address of a member is known' : reasons.join('; '));
}

function putRosterAt(endpoint: Endpoint, link: PairLink, request: PutRosterRequest, signal: AbortSignal): Promise<PutRosterAnswer> {
  const options = { ...clientChannelOptions, 'grpc.max_send_message_length': fleetMessageBytesMax };
  const client = new FleetAdminClient(targetOf(endpoint), link.credentials(), options);
  return new Promise<PutRosterAnswer>((resolve, reject) => {
    // A deadline is a wall time in gRPC's interface, and becomes a duration on the wire at once.
    const deadline = new Date(link.clock.wallMs() + unaryDeadlineMs);
    const call = client.putRoster(request, new Metadata(), { deadline }, (error: ServiceError | null, answer) => {
      signal.removeEventListener('abort', cancel);
      if (error === null) resolve(answer);
      else reject(linkErrorOf(error, false));
    });
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
  }).finally(() => client.close());
}
