import { createPrivateKey, randomBytes } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import { Secret } from '#lib/base/secret.ts';
import { pkiErrors } from './errors.ts';

/** Every key of ours is ECDSA on P-256: accepted by every OpenSSL, libpq and Node in use, and fast enough for thousands of handshakes. */
export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const signatureAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** 128 random bits in hexadecimal, never zero. Real chance, not the injected one: a serial that can be foretold helps a forger. */
export function newSerial(): string {
  const bytes = randomBytes(16);
  return bytes.some((byte) => byte !== 0) ? bytes.toString('hex') : '01';
}

/** What a common name may be: nothing that any notation of distinguished names would have to escape. 64 is the limit of X.520. */
export const isCommonName = (text: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9_. -]{0,63}$/.test(text);

/** X.509 times have no fractions (RFC 5280 4.1.2.5). */
export const wholeSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/** The key as PKCS #8 in PEM. */
export async function privateKeyPemOf(key: webcrypto.CryptoKey): Promise<Secret> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return new Secret(`-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`);
}

/**
 * A stored key, ready to sign.
 *
 * @throws HK_CERT_INVALID  without the reason of the parser, which might quote the key.
 */
export async function signingKeyOf(privateKeyPem: Secret): Promise<webcrypto.CryptoKey> {
  try {
    const der = createPrivateKey(privateKeyPem.reveal()).export({ format: 'der', type: 'pkcs8' });
    return await crypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
  } catch {
    throw pkiErrors.HK_CERT_INVALID('the private key is not a readable ECDSA P-256 key in PEM');
  }
}
