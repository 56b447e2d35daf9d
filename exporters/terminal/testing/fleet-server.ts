import { Server } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Authority } from '#lib/pki/authority.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import { hallAuthority, serverTls } from '#lib/pki/trust.ts';
import { RenewableServerCredentials } from '#lib/link/credentials.ts';
import { FleetService } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { WatchAnswer, WatchRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { serverChannelOptions } from '#lib/link/limits.ts';

export interface FleetServerOptions {
  readonly member: string;
  readonly pairUid: string;
  readonly hall: string;
  readonly pairCa: Authority;
  readonly hallCa: Authority;
  readonly port: number;
  /** Sent to every reader at once, in this order; the stream stays open. */
  readonly says: readonly WatchAnswer[];
  readonly nowMs: number;
}

/** The feed of one member, over mutual TLS, with prepared answers. */
export async function startFleetServer(options: FleetServerOptions): Promise<AsyncDisposable> {
  const { member, pairUid, hall, pairCa, hallCa, port, says, nowMs } = options;
  const trustDomain = 'hallkeeper.dev';
  const leaf = await issueLeaf(pairCa, {
    identity: { kind: 'member', trustDomain, pairUid, name: member },
    commonName: 'hallkeeper-member',
    ipAddresses: ['127.0.0.1'],
    usages: ['server', 'client'],
    nowMs,
  });
  const server = new Server(serverChannelOptions);
  server.addService(FleetService, {
    watch: (call: ServerWritableStream<WatchRequest, WatchAnswer>) => {
      call.on('error', () => undefined);
      for (const answer of says) call.write(answer);
    },
    history: () => undefined,
  });
  const credentials = new RenewableServerCredentials(serverTls(leaf, [hallAuthority(hallCa.certificatePem, { trustDomain, hall })]));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error) => (error === null ? resolve() : reject(error)));
  });
  return { [Symbol.asyncDispose]: () => Promise.resolve(server.forceShutdown()) };
}
