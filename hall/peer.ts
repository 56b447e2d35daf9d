import type { ServerUnaryCall } from '@grpc/grpc-js';
import { messageOf } from '#lib/base/errors.ts';
import { formatIdentity } from '#lib/pki/identity.ts';
import type { Identity } from '#lib/pki/identity.ts';
import { requireIdentity } from '#lib/pki/trust.ts';
import type { TrustedAuthority } from '#lib/pki/trust.ts';
import { hallErrors } from './errors.ts';

/** The part of a gRPC server call that says who calls. */
export type CallerOf = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>;

/** Who may call what. */
export type PeerRule = (identity: Identity) => boolean;

export const isTerminal: PeerRule = ({ kind }) => kind === 'terminal' || kind === 'cash-register';
export const isReader: PeerRule = ({ kind }) => kind === 'operator' || kind === 'exporter';
export const isOperator: PeerRule = ({ kind }) => kind === 'operator';

/** Asked at each call, so that authorities can be renewed while the server runs. */
export type TrustNow = () => readonly TrustedAuthority[];

/**
 * Who calls, if it may.
 *
 * @throws HK_PEER_NOT_ALLOWED
 */
export function requirePeer(call: CallerOf, trust: TrustNow, rule: PeerRule): Identity {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate === undefined) throw hallErrors.HK_PEER_NOT_ALLOWED('there is no certificate');
  const identity = identityOrRefuse(certificate, trust);
  if (!rule(identity)) throw hallErrors.HK_PEER_NOT_ALLOWED(formatIdentity(identity));
  return identity;
}

function identityOrRefuse(certificate: Parameters<typeof requireIdentity>[0], trust: TrustNow): Identity {
  try {
    return requireIdentity(certificate, trust());
  } catch (error) {
    throw hallErrors.HK_PEER_NOT_ALLOWED(messageOf(error), { cause: error });
  }
}
