import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { clientLeaf, realPair, soon, startFirst, testPorts } from '#lib/postgres/testing/real-pair.ts';
import { ClientDoor } from './client-door.ts';

/** A way to the server on which a client's handshake stands still after the server has taken the connection. */
async function slowWay(to: { readonly address: string; readonly port: number }) {
  const released = new AbortController();
  const taken = new AbortController();
  const way = createServer((client) => {
    const server = connect(to.port, to.address);
    server.on('error', () => client.destroy()).pipe(client);
    client.on('error', () => server.destroy());
    // The wish for TLS is let through; the server's process answers it, and so exists.
    client.once('data', (wish) => server.write(wish));
    server.once('data', () => {
      taken.abort();
      client.pause();
      released.signal.addEventListener('abort', () => client.pipe(server), { once: true });
    });
  }).listen(0, '127.0.0.1');
  await once(way, 'listening');
  const { port } = way.address() as AddressInfo;
  return { port, taken: once(taken.signal, 'abort', { signal: soon() }), release: () => released.abort(), close: () => way.close() };
}

/** So that a test that waits in vain still stops its servers. */
function inTime<T>(awaited: Promise<T>): Promise<T> {
  const signal = soon();
  return Promise.race([awaited, new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))]);
}

test('who entered by a handshake that began before the door closed is sent away', async () => {
  await using pair = await realPair();
  await startFirst(pair);
  const leaf = await clientLeaf(pair.authority, 'app_owner');
  const ssl = { ca: pair.authority.certificatePem, cert: leaf.certificatePem, key: leaf.privateKeyPem.reveal() };
  const { self } = pair.settingsOf('a');
  const newClient = (port: number): { readonly client: Client; readonly ended: Promise<Error> } => {
    const client = new Client({ host: self.address, port, user: 'app_owner', database: 'app', ssl });
    return { client, ended: new Promise<Error>((resolve) => client.on('error', resolve)) };
  };
  const way = await slowWay(self);
  const stop = new AbortController();
  try {
    const early = newClient(self.port);
    await early.client.connect();
    const late = newClient(way.port);
    const entered = late.client.connect();
    await way.taken;
    const door = new ClientDoor(pair.a, { ...testPorts, running: () => true }, stop.signal);
    door.found('open');
    door.set('closed');
    expect((await inTime(early.ended)).message).toContain('terminating connection');
    way.release();
    await entered;
    expect((await inTime(late.ended)).message).toContain('terminating connection');
  } finally {
    stop.abort();
    way.close();
  }
});
