import { createSocket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports are drawn from a range below the one that the kernel gives to outgoing connections (from 32,768), so that no connection of
 * another program takes the port between our look and the start of the server.
 */
const portMin = 12_000;
const portMax = 29_999;
const attemptsMax = 200;

/** Ports that this process gave away already; a server may bind its port a while after it was chosen. */
const given = new Set<number>();

/** A port that is free for TCP and for UDP on an address of this machine. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = randomInt(portMin, portMax + 1);
    if (given.has(port)) continue;
    given.add(port);
    if ((await tcpIsFree(address, port)) && (await udpIsFree(address, port))) return port;
  }
  throw new Error(`no free port found on ${address} in ${attemptsMax} attempts`);
}

/** Ports for a network in which nobody but us listens: the next one each time. */
export function portSequence(): () => number {
  let last = portMin - 1;
  return () => {
    if (last >= portMax) throw new Error('the ports of this network are used up');
    last += 1;
    return last;
  };
}

async function tcpIsFree(address: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, address);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}

async function udpIsFree(address: string, port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, address);
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
