import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIPv6, SocketAddress } from 'node:net';
import type { Secret } from '#lib/base/secret.ts';
import { pkiErrors } from './errors.ts';
import { tryIdentityOf } from './identity.ts';
import type { Identity } from './identity.ts';

/** What metrics, conditions and renewal need to know of a certificate. Times are milliseconds since 1970. */
export interface CertificateFacts {
  readonly commonName: string;
  /** Undefined when it carries none of ours, as an authority does. */
  readonly identity: Identity | undefined;
  /** Sorted. */
  readonly dnsNames: readonly string[];
  /** Sorted, in the form of `canonicalAddress`. */
  readonly ipAddresses: readonly string[];
  readonly usages: readonly ('server' | 'client')[];
  readonly isAuthority: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Hexadecimal, as `openssl x509 -serial` prints it. */
  readonly serial: string;
  /** SHA-256 of the certificate, 64 lower-case hexadecimal digits. */
  readonly fingerprint: string;
}

/** @throws HK_CERT_INVALID */
export function inspectCertificate(certificatePem: string): CertificateFacts {
  const certificate = readCertificate(certificatePem);
  return {
    commonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '',
    identity: tryIdentityOf(certificate),
    dnsNames: namesOf(certificate, 'DNS:'),
    ipAddresses: namesOf(certificate, 'IP Address:').map(canonicalAddress).sort(),
    usages: usagesOf(certificate),
    isAuthority: certificate.ca,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    serial: certificate.serialNumber,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** The first certificate of a PEM text. @throws HK_CERT_INVALID */
export function readCertificate(certificatePem: string): X509Certificate {
  const [first] = splitCertificates(certificatePem);
  if (first === undefined) throw pkiErrors.HK_CERT_INVALID('no certificate in PEM found');
  return parsed(first);
}

/**
 * The certificates of a bundle, each as a PEM text of its own, in their order and without repetitions. Text between them is left out.
 *
 * @throws HK_CERT_INVALID  when there are more than 32, or the text is longer than 1 MiB.
 */
export function splitCertificates(bundlePem: string): readonly string[] {
  if (bundlePem.length > bundleLengthMax) throw pkiErrors.HK_CERT_INVALID(`the bundle is longer than ${bundleLengthMax} characters`);
  const found = bundlePem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  if (found.length > bundleCertificatesMax)
    throw pkiErrors.HK_CERT_INVALID(`the bundle has more than ${bundleCertificatesMax} certificates`);
  return [...new Set(found.map((pem) => `${pem}\n`))];
}

/** One bundle of several, in order, without repetitions. @throws HK_CERT_INVALID */
export function joinCertificates(pems: readonly string[]): string {
  return splitCertificates(pems.join('\n')).join('');
}

/** Whether this authority signed this certificate, by name, key identifier and signature. Dates are not looked at. */
export function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** One spelling for each IP address: IPv6 in lower case with its longest run of zeros left out. Other texts as they are. */
export function canonicalAddress(address: string): string {
  return isIPv6(address) ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}

/**
 * Makes sure that a private key belongs to its certificate.
 *
 * @throws HK_CERT_INVALID       when either cannot be read.
 * @throws HK_CERT_KEY_MISMATCH
 */
export function requireKeyPair(pair: { readonly certificatePem: string; readonly privateKeyPem: Secret }): void {
  const certificate = readCertificate(pair.certificatePem);
  let key;
  try {
    key = createPrivateKey(pair.privateKeyPem.reveal());
  } catch {
    // The parser's own words are left out: they might quote the key.
    throw pkiErrors.HK_CERT_INVALID('the private key is not readable PEM');
  }
  if (!certificate.checkPrivateKey(key)) throw pkiErrors.HK_CERT_KEY_MISMATCH(certificate.subject.replaceAll('\n', ', '));
}

const bundleLengthMax = 1_048_576;
const bundleCertificatesMax = 32;
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

function parsed(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw pkiErrors.HK_CERT_INVALID('not a certificate in PEM', { cause });
  }
}

function usagesOf(certificate: X509Certificate): readonly ('server' | 'client')[] {
  // Node declares an array; without the extension it is undefined.
  const usages = (certificate.keyUsage as readonly string[] | undefined) ?? [];
  return [...(usages.includes(serverAuth) ? (['server'] as const) : []), ...(usages.includes(clientAuth) ? (['client'] as const) : [])];
}

function namesOf(certificate: X509Certificate, prefix: string): readonly string[] {
  const names = certificate.subjectAltName?.split(', ') ?? [];
  return names.flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : [])).sort();
}
