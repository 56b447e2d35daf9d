import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { untilBeat } from '#lib/base/beat.ts';
import type { Clock } from '#lib/base/clock.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { MemberEvent } from '#lib/pair/events.ts';
import type { Heartbeat } from '#lib/pair/member-state.ts';
import { clientTls } from '#lib/pki/trust.ts';
import type { Expectation, OwnCertificate, TrustedAuthority } from '#lib/pki/trust.ts';
import { parseHeartbeat, formatHeartbeat } from './heartbeat-line.ts';

/** Application protocol by which the administration port tells heartbeats from HTTP. */
export const peerProtocol = 'hallkeeper-peer/1';

/** Longest line that is read; a heartbeat has some 400 bytes. */
const lineBytesMax = 8_192;

/** A dial that neither succeeds nor fails is given up after this. */
const dialMaxMs = 500;

/**
 * The peer answers every third heartbeat with one byte. Without an answer to this many periods' worth of time the connection is dialled anew:
 * after a cut TCP waits ever longer before it sends again, up to two minutes, while a new connection stands at once.
 */
const unansweredMaxMs = 1_000;
const answerByte = '\n';
const answerEvery = 3;

/** Unsent bytes above this mean that the peer does not read: heartbeats are dropped, newest first to be sent when it does again. */
const unsentMax = 65_536;

export interface PeerLinkPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly address: string;
  readonly port: number;
  readonly periodMs: number;
  readonly tls: () => { readonly own: OwnCertificate; readonly trust: readonly TrustedAuthority[]; readonly expected: Expectation };
  readonly heartbeat: () => Heartbeat;
  readonly tell: (event: MemberEvent) => void;
}

/** Dials the peer, for ever, and sends a heartbeat every period. The end of the connection is news: it arrives within milliseconds of a death. */
export async function dialPeer(ports: PeerLinkPorts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const begun = ports.clock.nowMs();
    try {
      const socket = await dial(ports, signal);
      await sendUntilClosed(socket, ports, signal);
      if (!signal.aborted) ports.tell({ on: 'peerLink', link: 'ended' });
    } catch (error) {
      if (signal.aborted) return;
      const refused = codeOf(error) === 'ECONNREFUSED';
      if (refused) ports.tell({ on: 'peerLink', link: 'refused' });
      else ports.log.debug({ error: messageOf(error) }, 'the peer was not reached');
    }
    await ports.clock.sleep(Math.max(10, ports.periodMs - (ports.clock.nowMs() - begun)), signal).catch(() => undefined);
  }
}

function dial({ address, port, tls }: PeerLinkPorts, signal: AbortSignal): Promise<TLSSocket> {
  const { own, trust, expected } = tls();
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, ALPNProtocols: [peerProtocol], ...clientTls(own, trust, { expected }) });
    socket.setNoDelay(true);
    socket.setTimeout(dialMaxMs, () => socket.destroy(new Error(`no connection within ${dialMaxMs} ms`)));
    const abort = (): void => void socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      reject(new Error('the connection ended before it stood'));
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

async function sendUntilClosed(socket: TLSSocket, { clock, periodMs, heartbeat }: PeerLinkPorts, signal: AbortSignal): Promise<void> {
  const closed = new AbortController();
  socket.on('error', () => undefined);
  socket.once('close', () => closed.abort());
  let unanswered = 0;
  socket.on('data', () => (unanswered = 0));
  const over = AbortSignal.any([closed.signal, signal]);
  while (!over.aborted) {
    // Counted in heartbeats, not in time: while this process does not run it asks nothing.
    if (unanswered * periodMs >= unansweredMaxMs) break;
    unanswered += 1;
    if (socket.writableLength < unsentMax) socket.write(formatHeartbeat(heartbeat()));
    await clock.sleep(untilBeat(clock, periodMs), over).catch(() => undefined);
  }
  socket.destroy();
}

export interface ReceivePorts {
  readonly log: Logger;
  readonly tell: (event: MemberEvent) => void;
  /** Whether the peer has dialled no newer connection: the end of an older one says nothing. */
  readonly isNewest: () => boolean;
}

/** Reads the peer's heartbeats from a connection that it dialled and that was found to be its own, and answers each with one byte. */
export function receiveHeartbeats(socket: TLSSocket, ports: ReceivePorts): void {
  let rest = '';
  let unanswered = 0;
  socket.setEncoding('utf8');
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: string) => {
    rest += chunk;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const heartbeat = parseHeartbeat(line);
      unanswered += 1;
      if (unanswered >= answerEvery && socket.writable) {
        socket.write(answerByte);
        unanswered = 0;
      }
      if (heartbeat !== undefined) ports.tell({ on: 'heartbeat', heartbeat });
      else ports.log.warn({}, 'a line of the peer was not understood');
    }
    if (rest.length > lineBytesMax) socket.destroy();
  });
  socket.once('close', () => {
    if (ports.isNewest()) ports.tell({ on: 'peerLink', link: 'ended' });
  });
}
