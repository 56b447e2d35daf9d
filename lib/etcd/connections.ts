import { checkServerIdentity, createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { ChannelCredentials } from '@grpc/grpc-js';
import type { ChannelOptions } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Secret } from '#lib/base/secret.ts';
import type { EtcdEndpoint } from './endpoint.ts';
import { KVClient, WatchClient } from './gen/etcdserverpb/record.ts';

/** Our side of mutual TLS, and the authorities that may have signed the servers' certificates, all PEM. */
export interface EtcdTls {
  readonly certificate: string;
  readonly key: Secret;
  readonly authority: string;
}

/** One connection to one endpoint. It is made when first used, and again after it broke. */
export interface EtcdConnection {
  readonly endpoint: EtcdEndpoint;
  readonly kv: KVClient;
  readonly watch: WatchClient;
}

/** A request under way when certificates are renewed gets this time to end on the old connection: longer than one may take. */
const oldCloseAfterMs = 2_000;

/**
 * No repetition inside grpc-js: whether a request may have been carried out is told from the first failure. Pings come no more often
 * than every etcd allows by default (5 s), or it would end the connection.
 */
const channelOptions: ChannelOptions = {
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.max_receive_message_length': 1_048_576,
};

/** Connections to every endpoint of one etcd, with certificates that can be renewed while they stand. */
export class EtcdConnections {
  readonly #endpoints: readonly EtcdEndpoint[];
  readonly #clock: Clock;
  #open: readonly EtcdConnection[];

  /** @throws Error of OpenSSL when certificate or key cannot be used. */
  constructor(endpoints: readonly EtcdEndpoint[], tls: EtcdTls, clock: Clock) {
    this.#endpoints = endpoints;
    this.#clock = clock;
    this.#open = this.#connect(tls);
  }

  /** The present ones, in the order of the endpoints. Ask each time: renewed certificates mean new connections. */
  get all(): readonly EtcdConnection[] {
    return this.#open;
  }

  /** New requests use this certificate at once; those under way end where they were sent. @throws as the constructor */
  renew(tls: EtcdTls): void {
    const old = this.#open;
    this.#open = this.#connect(tls);
    void this.#clock.sleep(oldCloseAfterMs).then(() => closeAll(old));
  }

  close(): void {
    closeAll(this.#open);
  }

  #connect(tls: EtcdTls): readonly EtcdConnection[] {
    return this.#endpoints.map((endpoint) => {
      const credentials = credentialsFor(endpoint, tls);
      // Server name indication takes names only; what the certificate must name is checked by ourselves.
      const options = { ...channelOptions, 'grpc.ssl_target_name_override': endpoint.target.startsWith('dns:') ? endpoint.host : 'etcd' };
      const kv = new KVClient(endpoint.target, credentials, options);
      return { endpoint, kv, watch: new WatchClient(endpoint.target, credentials, { ...options, channelOverride: kv.getChannel() }) };
    });
  }
}

/** Why nothing can be called with these, in words; undefined when it can. */
export function tlsProblem(tls: EtcdTls): string | undefined {
  try {
    contextOf(tls);
    return undefined;
  } catch (error) {
    return `certificate and key for etcd cannot be used: ${messageOf(error)}`;
  }
}

function contextOf({ certificate, key, authority }: EtcdTls): SecureContext {
  return createSecureContext({ cert: certificate, key: key.reveal(), ca: authority, minVersion: 'TLSv1.3' });
}

function credentialsFor({ host }: EtcdEndpoint, tls: EtcdTls): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(contextOf(tls), {
    checkServerIdentity: (_name, presented) => checkServerIdentity(host, presented),
  });
}

function closeAll(connections: readonly EtcdConnection[]): void {
  for (const { kv } of connections) kv.close();
}
