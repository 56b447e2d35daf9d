import { codeOf, HallkeeperError } from '#lib/base/errors.ts';
import { pkiErrors } from './errors.ts';

type Code = keyof typeof pkiErrors;

/**
 * Says in our own words why a TLS connection was refused.
 *
 * @param failure  What came with `error` on a client, with `tlsClientError` on a server, or `socket.authorizationError`.
 * @param socket   The socket of `tlsClientError`: Node reports a refused client certificate there as ECONNRESET, and keeps the
 *                 reason in `authorizationError`.
 * @returns        Undefined when it is no matter of certificates, such as a plain ECONNRESET.
 *
 * A client whose certificate a Node server refuses sees only the end of the connection, without error, after its own handshake
 * succeeded (TLS 1.3): only the server knows why. OpenSSL servers such as PostgreSQL send an alert, which is told here.
 */
export function explainTls(failure: unknown, socket?: { readonly authorizationError?: unknown }): HallkeeperError | undefined {
  if (failure instanceof HallkeeperError) return failure;
  const reason = socket?.authorizationError;
  for (const code of [textOf(reason), codeOf(reason), textOf(failure), codeOf(failure)]) {
    const ours = code === undefined ? undefined : explanationOf(code);
    if (ours !== undefined) return pkiErrors[ours](code, { cause: failure });
  }
  return undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function explanationOf(code: string): Code | undefined {
  const known = codes.get(code);
  if (known !== undefined) return known;
  // An alert is the peer's word about our certificate: its name is what the peer found wrong.
  if (/ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)/.test(code)) return 'HK_CERT_REFUSED_BY_PEER';
  return undefined;
}

/** Verification results of OpenSSL as Node names them (X509_V_ERR_…), and the errors Node makes itself. */
const codes = new Map<string, Code>([
  ['CERT_HAS_EXPIRED', 'HK_CERT_EXPIRED'],
  ['CERT_NOT_YET_VALID', 'HK_CERT_NOT_YET_VALID'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'HK_CERT_FOREIGN'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'HK_CERT_FOREIGN'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'HK_CERT_FOREIGN'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'HK_CERT_FOREIGN'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'HK_CERT_FOREIGN'],
  ['CERT_SIGNATURE_FAILURE', 'HK_CERT_FOREIGN'],
  ['CERT_UNTRUSTED', 'HK_CERT_FOREIGN'],
  ['CERT_REJECTED', 'HK_CERT_REFUSED'],
  ['CERT_CHAIN_TOO_LONG', 'HK_CERT_REFUSED'],
  ['PATH_LENGTH_EXCEEDED', 'HK_CERT_REFUSED'],
  ['INVALID_CA', 'HK_CERT_REFUSED'],
  ['INVALID_PURPOSE', 'HK_CERT_USAGE'],
  ['HOSTNAME_MISMATCH', 'HK_CERT_HOSTNAME'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'HK_CERT_HOSTNAME'],
  ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'HK_CERT_MISSING'],
]);
