import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { HallkeeperError } from '#lib/base/errors.ts';
import { dnsErrors } from './errors.ts';
import { headerBytes } from './message.ts';

/** A DNS server. `host` is an IP address: a name would have to be resolved first, by the servers that are being asked for. */
export interface DnsServer {
  readonly host: string;
  readonly port: number;
}

export const serverName = ({ host, port }: DnsServer): string => (isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`);

/**
 * One request and its answer over a TCP connection of its own. At most one answer of 65,535 bytes is kept; what follows is not read.
 *
 * @throws HK_DNS_UNREACHABLE  with the cause, when the connection fails or ends early, and the signal's reason as cause when it aborts.
 * @see RFC 7766
 */
export function exchangeTcp(server: DnsServer, request: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(unreachable(server, signal.reason));
      return;
    }
    const socket = connect({ host: server.host, port: server.port, noDelay: true });
    // Chunks are put together twice at most, so that an answer of many tiny pieces costs no more than another.
    const chunks: Buffer[] = [];
    let size = 0;
    let wanted: number | undefined;
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      finish();
    };
    const fail = (cause: unknown): void => settle(() => reject(unreachable(server, cause)));
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection ended without an answer')));
    socket.on('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(request.length);
      socket.write(Buffer.concat([length, request]));
    });
    socket.on('data', (data) => {
      chunks.push(data);
      size += data.length;
      if (wanted === undefined && size >= 2) wanted = Buffer.concat(chunks).readUInt16BE(0) + 2;
      const complete = wanted !== undefined && size >= wanted;
      if (complete) settle(() => resolve(Buffer.concat(chunks).subarray(2, wanted)));
    });
  });
}

/**
 * One request and its answer over UDP. The socket has a random port of the system's and is connected, so that datagrams from other
 * sources never reach us; datagrams that `isAnswer` does not accept are passed over, at most 64 of them.
 *
 * @throws HK_DNS_UNREACHABLE
 */
export function exchangeUdp(
  server: DnsServer,
  request: Buffer,
  isAnswer: (bytes: Buffer) => boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(unreachable(server, signal.reason));
      return;
    }
    const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
    let strangers = 0;
    let settled = false;
    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      signal.removeEventListener('abort', onAbort);
      socket.close();
      finish();
    };
    const fail = (cause: unknown): void => settle(() => reject(unreachable(server, cause)));
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', fail);
    socket.on('message', (bytes) => {
      if (bytes.length >= headerBytes && isAnswer(bytes)) settle(() => resolve(bytes));
      else if ((strangers += 1) >= strangersMax) fail(new Error(`${strangersMax} datagrams that are no answer`));
    });
    socket.connect(server.port, server.host, () => {
      if (!settled) socket.send(request, (error) => (error === null || error === undefined ? undefined : fail(error)));
    });
  });
}

const strangersMax = 64;

function unreachable(server: DnsServer, cause: unknown): HallkeeperError {
  if (cause instanceof HallkeeperError && cause.code === 'HK_DNS_UNREACHABLE') return cause;
  return dnsErrors.HK_DNS_UNREACHABLE(serverName(server), { cause });
}
