import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Network } from './network.ts';
import { freePort } from './ports.ts';

/**
 * How the server behaves.
 *
 * none      Everything is passed on to the real server.
 * slow      The same, each request and each connection after `delayMs`.
 * refusing  Nobody listens: TCP is reset, UDP is answered by ICMP.
 * formerr   Every request is answered at once by an unsigned FORMERR, as by a box that cannot read it.
 * servfail  Every request is answered at once by an unsigned SERVFAIL.
 * silent    Connections and requests are taken and never answered.
 * halfOpen  The first half of the true answer is sent, and then nothing more ever: neither the rest nor an end. UDP is silent.
 */
export type DnsFault =
  { readonly is: 'none' | 'refusing' | 'formerr' | 'servfail' | 'silent' | 'halfOpen' } | { readonly is: 'slow'; readonly delayMs: number };

export interface FaultyDnsOptions {
  /** The server listens in this process, at the address by which the servers of the network reach it; default 127.0.0.1. */
  readonly network?: Network;
  /** Another address of this process instead. */
  readonly address?: string;
  /** The real server behind it. */
  readonly bind: { readonly address: string; readonly port: number };
}

/** A server before a real one, over TCP and UDP on one port, that can be told at run time to misbehave. */
export interface FaultyDns extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly mode: DnsFault;
  /** Holds from the next request on, on open connections too; when it returns, new connections meet it. A mode left ends its open connections. */
  set(mode: DnsFault): Promise<void>;
  /** Requests taken since the start, in any mode; those refused are not seen. */
  readonly requests: number;
  stop(): Promise<void>;
}

const rcodes = { formerr: 1, servfail: 2 } as const;
const forwardMaxMs = 10_000;

export async function startFaultyDns({ network, bind, address: given }: FaultyDnsOptions): Promise<FaultyDns> {
  const address = given ?? network?.hostAddress ?? '127.0.0.1';
  const port = await freePort(address);
  let mode: DnsFault = { is: 'none' };
  let requests = 0;
  let listening: Listeners | undefined;
  const taken: Taken = {
    get mode() {
      return mode;
    },
    bind,
    count: () => void (requests += 1),
  };
  const set = async (next: DnsFault): Promise<void> => {
    mode = next;
    await listening?.close();
    listening = next.is === 'refusing' ? undefined : await listen(address, port, taken);
  };
  const stop = async (): Promise<void> => {
    await listening?.close();
    listening = undefined;
  };
  await set(mode);
  return {
    address,
    port,
    get mode() {
      return mode;
    },
    get requests() {
      return requests;
    },
    set,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Taken {
  readonly mode: DnsFault;
  readonly bind: FaultyDnsOptions['bind'];
  readonly count: () => void;
}

interface Listeners {
  close(): Promise<void>;
}

async function listen(address: string, port: number, taken: Taken): Promise<Listeners> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    takeFrames(socket, (frame) => void answerTcp(socket, frame, taken).catch(() => socket.destroy()));
  });
  const udp = createSocket('udp4');
  udp.on('message', (request, { address: from, port: fromPort }) => {
    const reply = (bytes: Buffer): void => udp.send(bytes, fromPort, from, () => undefined);
    void answerUdp(request, reply, taken).catch(() => undefined);
  });
  udp.on('error', () => undefined);
  server.listen(port, address);
  udp.bind(port, address);
  await Promise.all([once(server, 'listening'), once(udp, 'listening')]);
  return { close: () => closeAll(server, udp, sockets) };
}

async function closeAll(server: Server, udp: UdpSocket, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = Promise.all([once(server, 'close'), once(udp, 'close')]);
  server.close();
  udp.close();
  for (const socket of sockets) socket.resetAndDestroy();
  await closed;
}

/** Hands over each whole message with its two bytes of length, however it was cut on the way. */
function takeFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let kept = Buffer.alloc(0);
  socket.on('data', (data) => {
    kept = Buffer.concat([kept, data]);
    while (kept.length >= 2 && kept.length >= kept.readUInt16BE(0) + 2) {
      const end = kept.readUInt16BE(0) + 2;
      take(kept.subarray(0, end));
      kept = kept.subarray(end);
    }
  });
}

async function answerTcp(socket: Socket, frame: Buffer, { mode, bind, count }: Taken): Promise<void> {
  count();
  switch (mode.is) {
    case 'refusing':
    case 'silent':
      return;
    case 'formerr':
    case 'servfail':
      socket.write(framed(refusal(frame.subarray(2), rcodes[mode.is])));
      return;
    case 'slow':
    case 'none':
    case 'halfOpen': {
      if (mode.is === 'slow') await sleep(mode.delayMs, undefined, { ref: false });
      const answer = await forwardTcp(bind, frame);
      socket.write(mode.is === 'halfOpen' ? answer.subarray(0, Math.ceil(answer.length / 2)) : answer);
    }
  }
}

async function answerUdp(request: Buffer, reply: (bytes: Buffer) => void, { mode, bind, count }: Taken): Promise<void> {
  count();
  switch (mode.is) {
    case 'refusing':
    case 'silent':
    case 'halfOpen':
      return;
    case 'formerr':
    case 'servfail':
      reply(refusal(request, rcodes[mode.is]));
      return;
    case 'slow':
    case 'none':
      if (mode.is === 'slow') await sleep(mode.delayMs, undefined, { ref: false });
      reply(await forwardUdp(bind, request));
  }
}

/** Header and first question (or zone) of the request as an unsigned answer with this code; resolvers want the question back. */
function refusal(request: Buffer, rcode: number): Buffer {
  let end = 12;
  while ((request[end] ?? 0) !== 0) end += (request[end] ?? 0) + 1;
  const answer = Buffer.from(request.subarray(0, end + 5));
  answer.writeUInt16BE(0x8000 | (request.readUInt16BE(2) & 0x7900) | rcode, 2);
  answer.writeUInt16BE(1, 4);
  answer.fill(0, 6, 12);
  return answer;
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function forwardTcp(bind: FaultyDnsOptions['bind'], frame: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: bind.address, port: bind.port, noDelay: true });
  socket.setTimeout(forwardMaxMs, () => socket.destroy(new Error('the real server is silent')));
  socket.on('connect', () => socket.write(frame));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the real server ended the connection')));
  takeFrames(socket, (answer) => {
    resolve(Buffer.from(answer));
    socket.destroy();
  });
  return promise;
}

async function forwardUdp(bind: FaultyDnsOptions['bind'], request: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const late = setTimeout(() => reject(new Error('the real server is silent')), forwardMaxMs);
  try {
    socket.once('message', resolve);
    socket.once('error', reject);
    socket.send(request, bind.port, bind.address);
    return await promise;
  } finally {
    clearTimeout(late);
    socket.close();
  }
}
