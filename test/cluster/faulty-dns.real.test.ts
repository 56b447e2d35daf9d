import { Resolver } from 'node:dns/promises';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBind } from './bind.ts';
import type { Bind } from './bind.ts';
import { startFaultyDns } from './faulty-dns.ts';
import type { DnsFault, FaultyDns } from './faulty-dns.ts';
import { startNetwork } from './network.ts';
import type { Network } from './network.ts';

let network: Network;
let bind: Bind;
let dns: FaultyDns;

beforeAll(async () => {
  network = await startNetwork();
  bind = await startBind({ network });
  dns = await startFaultyDns({ network, bind });
}, 120_000);
afterAll(async () => {
  await dns?.stop();
  await bind?.stop();
  await network?.stop();
});

/** An SOA query over TCP: what comes until the answer is whole, the connection ends or `waitMs` have passed. */
function askTcp(waitMs: number): Promise<{ readonly bytes: Buffer; readonly end: 'whole' | 'refused' | 'ended' | 'open' }> {
  const labels = bind.zone.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  const query = Buffer.concat([Buffer.from('123400000001000000000000', 'hex'), ...labels, Buffer.from('0000060001', 'hex')]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const finish = (end: 'whole' | 'refused' | 'ended' | 'open'): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ bytes, end });
    };
    const timer = setTimeout(() => finish('open'), waitMs);
    const socket = createConnection({ host: dns.address, port: dns.port }, () => socket.write(Buffer.concat([length, query])));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'refused' : 'ended'));
    socket.on('end', () => finish('ended'));
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      if (bytes.length >= 2 && bytes.length >= bytes.readUInt16BE(0) + 2) finish('whole');
    });
  });
}

async function askUdp(): Promise<string> {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`${dns.address}:${dns.port}`]);
  try {
    return String((await resolver.resolveSoa(bind.zone)).serial);
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}

test.each<[DnsFault, number | 'refused' | 'open', string | undefined]>([
  [{ is: 'none' }, 0, '1'],
  [{ is: 'slow', delayMs: 300 }, 0, '1'],
  [{ is: 'refusing' }, 'refused', 'ECONNREFUSED'],
  [{ is: 'formerr' }, 1, 'EFORMERR'],
  [{ is: 'servfail' }, 2, 'ESERVFAIL'],
  [{ is: 'silent' }, 'open', 'ETIMEOUT'],
  [{ is: 'halfOpen' }, 'open', 'ETIMEOUT'],
  [{ is: 'none' }, 0, '1'],
])('%j answers TCP by %s and UDP by %s', async (mode, tcp, udp) => {
  await dns.set(mode);
  const startedMs = performance.now();
  const waitMs = tcp === 'open' ? 1_000 : 30_000;
  const { bytes, end } = await askTcp(waitMs);
  if (typeof tcp === 'number') expect({ end, rcode: bytes.readUInt16BE(4) & 0xf }).toEqual({ end: 'whole', rcode: tcp });
  else expect(end).toBe(tcp);
  if (mode.is === 'slow') expect(performance.now() - startedMs).toBeGreaterThanOrEqual(mode.delayMs - 1);
  if (mode.is === 'halfOpen') expect(bytes.length).toBeGreaterThan(2);
  if (mode.is === 'silent') expect(bytes).toHaveLength(0);
  expect(await askUdp()).toBe(udp);
});

test('a new mode ends the connections of the one before', async () => {
  await dns.set({ is: 'silent' });
  const before = dns.requests;
  const asked = askTcp(30_000);
  await expect.poll(() => dns.requests, { timeout: 30_000 }).toBe(before + 1);
  await dns.set({ is: 'none' });
  expect((await asked).end).toBe('ended');
});
