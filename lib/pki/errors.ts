import { defineErrors } from '#lib/base/errors.ts';

/** Why a certificate, key or identity is refused. The words are for people: they say what is wrong, the detail says where. */
export const pkiErrors = defineErrors({
  HK_IDENTITY_INVALID: { retry: 'never', says: 'not an identity of ours' },
  HK_CERT_INVALID: { retry: 'never', says: 'the certificate or key cannot be read or breaks a rule of ours' },
  HK_CERT_KEY_MISMATCH: { retry: 'never', says: 'the private key does not belong to the certificate' },
  HK_CERT_REQUEST_INVALID: { retry: 'never', says: 'the certificate asked for is refused' },
  HK_CERT_EXPIRED: { retry: 'backoff', says: 'the certificate has expired' },
  HK_CERT_NOT_YET_VALID: { retry: 'backoff', says: 'the certificate is not valid yet, or a clock is wrong' },
  HK_CERT_FOREIGN: { retry: 'backoff', says: 'the certificate was not signed by an authority trusted here' },
  HK_CERT_USAGE: { retry: 'never', says: 'the certificate may not be used for this side of a connection' },
  HK_CERT_MISSING: { retry: 'never', says: 'the peer showed no certificate' },
  HK_CERT_IDENTITY: { retry: 'backoff', says: 'the peer is not who was expected' },
  HK_CERT_HOSTNAME: { retry: 'backoff', says: 'the certificate was not made for this name or address' },
  HK_CERT_REFUSED_BY_PEER: { retry: 'backoff', says: 'the peer refused our certificate' },
  HK_CERT_REFUSED: { retry: 'backoff', says: 'the certificate is refused' },
});
