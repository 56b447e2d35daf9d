import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Secret } from '#lib/base/secret.ts';
import { pkiErrors } from './errors.ts';
import { inspectCertificate, requireKeyPair } from './inspect.ts';
import { isCommonName, keyAlgorithm, newSerial, privateKeyPemOf, signatureAlgorithm, wholeSecond } from './keys.ts';
import { authorityLifetimeDays, backdatedMs, dayMs } from './lifetimes.ts';

/** A certification authority that signs leaves. Plain values, so that it can be stored as it is. */
export interface Authority {
  readonly certificatePem: string;
  readonly privateKeyPem: Secret;
  readonly commonName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface AuthorityWish {
  /** Shown to people, such as `hallkeeper-north-pair-ca`. At most 64 characters, as X.520 limits it. */
  readonly commonName: string;
  /** Wall time, `Clock.wallMs()`. */
  readonly nowMs: number;
  readonly lifetimeDays?: number;
}

/**
 * Makes a self-signed authority, ECDSA P-256, that can sign leaves but no further authority (path length 0).
 *
 * It carries no name constraints: X.509 can constrain the trust domain but not the path of a SPIFFE id, so it could not tell the
 * authority of a hall from the authority of a pair. Which authority may speak for whom is decided by `TrustedAuthority.speaksFor`.
 *
 * @throws HK_CERT_REQUEST_INVALID  for a common name or lifetime out of bounds.
 * @see RFC 5280 4.2.1
 */
export async function createAuthority(wish: AuthorityWish): Promise<Authority> {
  const lifetimeDays = wish.lifetimeDays ?? authorityLifetimeDays;
  if (!isCommonName(wish.commonName))
    throw pkiErrors.HK_CERT_REQUEST_INVALID('the common name must be 1 to 64 letters, digits, spaces, _, - or dots');
  if (!(lifetimeDays > 0 && lifetimeDays <= lifetimeDaysMax)) {
    throw pkiErrors.HK_CERT_REQUEST_INVALID(`the lifetime must be above 0 and at most ${lifetimeDaysMax} days`);
  }
  const notBeforeMs = wholeSecond(wish.nowMs - backdatedMs);
  const notAfterMs = wholeSecond(wish.nowMs + lifetimeDays * dayMs);
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [wish.commonName] }],
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: signatureAlgorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const privateKeyPem = await privateKeyPemOf(keys.privateKey);
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem, commonName: wish.commonName, notBeforeMs, notAfterMs };
}

/**
 * Reads a stored authority back.
 *
 * @throws HK_CERT_INVALID       when it is no authority or cannot be read.
 * @throws HK_CERT_KEY_MISMATCH
 */
export function loadAuthority(stored: { readonly certificatePem: string; readonly privateKeyPem: Secret }): Authority {
  const facts = inspectCertificate(stored.certificatePem);
  if (!facts.isAuthority) throw pkiErrors.HK_CERT_INVALID(`"${facts.commonName}" is not a certification authority`);
  requireKeyPair(stored);
  const { commonName, notBeforeMs, notAfterMs } = facts;
  return { certificatePem: stored.certificatePem, privateKeyPem: stored.privateKeyPem, commonName, notBeforeMs, notAfterMs };
}

const lifetimeDaysMax = 3_660;
