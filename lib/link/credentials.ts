import { createSecureContext } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';

/** Our own side of mutual TLS as PEM, and the authorities that may have signed the other side. `lib/pki` makes it. */
export interface OwnTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string[];
  readonly minVersion: 'TLSv1.3';
}

export interface ClientTls extends OwnTls {
  /** Decides by the identity in the certificate, whose chain TLS has verified, whether it is who was expected. */
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** Credentials of a client. The address that is dialled proves nothing; `checkServerIdentity` decides. */
export function clientCredentials(tls: ClientTls): ChannelCredentials {
  const context = createSecureContext({ ca: tls.ca, cert: tls.cert, key: tls.key, minVersion: tls.minVersion });
  return ChannelCredentials.createFromSecureContext(context, { checkServerIdentity: tls.checkServerIdentity });
}

/** Credentials of a server that demands a certificate from every client and can take a renewed one while it runs. */
export class RenewableServerCredentials extends ServerCredentials {
  constructor(tls: OwnTls) {
    super({ requestCert: true, rejectUnauthorized: true, minVersion: tls.minVersion }, contextOf(tls));
  }

  /** Connections from now on use this; those that stand are left alone. */
  renew(tls: OwnTls): void {
    this.updateSecureContextOptions(contextOf(tls));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

const contextOf = (tls: OwnTls): { ca: string[]; cert: string; key: string } => ({ ca: tls.ca, cert: tls.cert, key: tls.key });
