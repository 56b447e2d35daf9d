import { X509Certificate } from 'node:crypto';
import { checkServerIdentity as checkHostName } from 'node:tls';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { messageOf } from '#lib/base/errors.ts';
import type { HallkeeperError } from '#lib/base/errors.ts';
import type { Secret } from '#lib/base/secret.ts';
import { pkiErrors } from './errors.ts';
import { explainTls } from './explain-tls.ts';
import { formatIdentity, identityOf, sameIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import { isIssuedBy, readCertificate, splitCertificates } from './inspect.ts';

/** Our own side of a connection. */
export interface OwnCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: Secret;
}

/**
 * Authorities with the identities they may speak for. A chain alone does not say who may sign what: without the second half the
 * authority of a hall could make itself an operator.
 */
export interface TrustedAuthority {
  /** One or more certificates: old and new while one follows the other. */
  readonly authoritiesPem: string;
  readonly certificates: readonly X509Certificate[];
  readonly speaksFor: (identity: Identity) => boolean;
}

/** Whom a peer must be: exactly this one, or anyone of a group that `says` describes. */
export type Expectation = Identity | { readonly says: string; readonly accepts: (identity: Identity) => boolean };

interface OwnTlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly ca: string[];
  readonly minVersion: 'TLSv1.3';
  readonly rejectUnauthorized: true;
}

/** The authority of a pair speaks for its members, its database clients, and the operator towards them. @throws HK_CERT_INVALID */
export function pairAuthority(authoritiesPem: string, pair: { readonly trustDomain: string; readonly pairUid: string }): TrustedAuthority {
  return trusted(authoritiesPem, (identity) => {
    if (identity.trustDomain !== pair.trustDomain) return false;
    return identity.kind === 'operator' || ('pairUid' in identity && identity.pairUid === pair.pairUid);
  });
}

/** The authority of a hall speaks for its terminals, cash registers and exporters. @throws HK_CERT_INVALID */
export function hallAuthority(authoritiesPem: string, hall: { readonly trustDomain: string; readonly hall: string }): TrustedAuthority {
  return trusted(
    authoritiesPem,
    (identity) => identity.trustDomain === hall.trustDomain && 'hall' in identity && identity.hall === hall.hall,
  );
}

/** Any member of a pair: for a client that does not know yet which one leads. */
export function anyMemberOf(pair: { readonly trustDomain: string; readonly pairUid: string }): Expectation {
  return {
    says: `a member of pair ${pair.pairUid}`,
    accepts: (identity) => identity.kind === 'member' && identity.trustDomain === pair.trustDomain && identity.pairUid === pair.pairUid,
  };
}

/**
 * Options of a TLS server of ours, for `tls.createServer` and all that takes its options. TLS 1.3 only; a client without a valid
 * certificate is cut off by Node with `tlsClientError`, which `explainTls` puts into words. Who the client is must still be asked:
 * with `peerIdentity`.
 */
export function serverTls(own: OwnCertificate, trust: readonly TrustedAuthority[]): OwnTlsOptions & { readonly requestCert: true } {
  return { ...ownTls(own, trust), requestCert: true };
}

/**
 * Options of a TLS client of ours, for `tls.connect`, undici and pg.
 *
 * @param expected   Who must answer. The connection fails with HK_CERT_IDENTITY when it is anybody else.
 * @param checkHost  Whether the certificate must also name the host that was dialled. The identity says more than a name does, so
 *                   this is for PostgreSQL clients that reach the pair by its DNS name, and for tests of certificates.
 */
export function clientTls(
  own: OwnCertificate,
  trust: readonly TrustedAuthority[],
  { expected, checkHost = false }: { readonly expected: Expectation; readonly checkHost?: boolean },
): OwnTlsOptions & { readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined } {
  const checkServerIdentity = (host: string, certificate: PeerCertificate): HallkeeperError | undefined => {
    const problem = problemOf(() => requireIdentity(certificate, trust, expected));
    if (problem !== undefined || !checkHost) return problem;
    const wrongHost = checkHostName(host, certificate);
    return wrongHost === undefined ? undefined : pkiErrors.HK_CERT_HOSTNAME(host, { cause: wrongHost });
  };
  return { ...ownTls(own, trust), checkServerIdentity };
}

/**
 * Who the other side of an established connection is.
 *
 * @throws HK_CERT_MISSING, HK_IDENTITY_INVALID, HK_CERT_FOREIGN, HK_CERT_IDENTITY, or what `explainTls` makes of a chain that Node
 *         did not accept: a server that forgot `rejectUnauthorized` is caught here.
 */
export function peerIdentity(socket: TLSSocket, trust: readonly TrustedAuthority[], expected?: Expectation): Identity {
  const certificate = socket.getPeerCertificate() as PeerCertificate | Record<string, never> | null;
  // Node answers null before the handshake and an empty object when there is no certificate.
  if (certificate === null || !('raw' in certificate)) throw pkiErrors.HK_CERT_MISSING();
  if (!socket.authorized) throw explainTls(socket.authorizationError) ?? pkiErrors.HK_CERT_REFUSED(String(socket.authorizationError));
  return requireIdentity(certificate as PeerCertificate, trust, expected);
}

/**
 * The identity in a certificate whose chain TLS has verified already, if its authority may speak for it and it is the expected one.
 * For gRPC, where the certificate comes from the call's auth context.
 *
 * @throws HK_IDENTITY_INVALID, HK_CERT_FOREIGN, HK_CERT_IDENTITY
 */
export function requireIdentity(
  certificate: { readonly raw: Buffer; readonly subjectaltname?: string | undefined },
  trust: readonly TrustedAuthority[],
  expected?: Expectation,
): Identity {
  const identity = identityOf(certificate);
  const leaf = new X509Certificate(certificate.raw);
  const signers = trust.filter(({ certificates }) => certificates.some((authority) => isIssuedBy(leaf, authority)));
  const issuer = leaf.issuer.replaceAll('\n', ', ');
  if (signers.length === 0) throw pkiErrors.HK_CERT_FOREIGN(issuer);
  if (!signers.some(({ speaksFor }) => speaksFor(identity))) {
    throw pkiErrors.HK_CERT_FOREIGN(`${issuer} may not speak for ${formatIdentity(identity)}`);
  }
  if (expected !== undefined && !meets(identity, expected)) {
    const wanted = 'says' in expected ? expected.says : formatIdentity(expected);
    throw pkiErrors.HK_CERT_IDENTITY(`expected ${wanted}, found ${formatIdentity(identity)}`);
  }
  return identity;
}

const meets = (identity: Identity, expected: Expectation): boolean =>
  'says' in expected ? expected.accepts(identity) : sameIdentity(identity, expected);

function trusted(authoritiesPem: string, speaksFor: (identity: Identity) => boolean): TrustedAuthority {
  const certificates = splitCertificates(authoritiesPem).map(readCertificate);
  if (certificates.length === 0) throw pkiErrors.HK_CERT_INVALID('no certificate of an authority in PEM found');
  const leaf = certificates.find(({ ca }) => !ca);
  if (leaf !== undefined) throw pkiErrors.HK_CERT_INVALID(`${leaf.subject.replaceAll('\n', ', ')} is not a certification authority`);
  return { authoritiesPem, certificates, speaksFor };
}

function ownTls(own: OwnCertificate, trust: readonly TrustedAuthority[]): OwnTlsOptions {
  return {
    cert: own.certificatePem,
    key: own.privateKeyPem.reveal(),
    ca: trust.map(({ authoritiesPem }) => authoritiesPem),
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
  };
}

function problemOf(check: () => unknown): HallkeeperError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return explainTls(error) ?? pkiErrors.HK_CERT_REFUSED(messageOf(error), { cause: error });
  }
}
