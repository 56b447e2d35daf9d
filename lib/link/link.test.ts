import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Metadata, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { failureReasonOf, linkErrorOf, retryAfterMsOf } from './call-failure.ts';
import { distinct, formatEndpoint, targetOf } from './endpoint.ts';
import { findEndpointsBy } from './find-endpoints.ts';
import { retryAfterKey } from './limits.ts';
import { race } from './race.ts';

const anError = (code: status, details: string, metadata = new Metadata()): ServiceError =>
  Object.assign(new Error(details), { code, details, metadata });

describe('why a call failed', () => {
  test.each([
    ['nobody listens', status.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED', false, 'connect'],
    ['a foreign certificate', status.UNAVAILABLE, 'Last error: unable to verify the first certificate', false, 'identity'],
    ['our certificate was refused', status.UNAVAILABLE, 'ssl/tls alert unknown ca', false, 'identity'],
    ['another member than expected', status.UNAVAILABLE, 'the peer is not who was expected: found x', false, 'identity'],
    ['the connection ended', status.UNAVAILABLE, 'Connection dropped', true, 'broken'],
    ['no answer in time', status.DEADLINE_EXCEEDED, '', true, 'silent'],
    ['no connection in time', status.DEADLINE_EXCEEDED, '', false, 'connect'],
    ['refused by name', status.PERMISSION_DENIED, 'no such terminal', true, 'refused'],
  ])('%s', (_what, code, details, wasOpen, reason) => expect(failureReasonOf(anError(code, details), wasOpen)).toBe(reason));

  test('the error keeps code and cause', () => {
    const cause = anError(status.PERMISSION_DENIED, 'no such terminal');
    expect(linkErrorOf(cause, true)).toMatchObject({ code: 'HK_LINK_REFUSED', cause });
  });

  test.each([
    ['1500', 1_500],
    ['99999', 10_000],
    ['-1', undefined],
    ['soon', undefined],
  ])('a hint of %s', (hint, ms) => {
    const metadata = new Metadata();
    metadata.set(retryAfterKey, hint);
    expect(retryAfterMsOf(anError(status.RESOURCE_EXHAUSTED, '', metadata), 10_000)).toBe(ms);
  });
});

test('endpoints are written for people and for grpc-js, and counted once', () => {
  const six = { address: '2001:db8::1', port: 7443 };
  expect([formatEndpoint(six), targetOf(six), targetOf({ address: '10.1.1.2', port: 1 })]).toEqual([
    '[2001:db8::1]:7443',
    'ipv6:[2001:db8::1]:7443',
    'ipv4:10.1.1.2:1',
  ]);
  expect(distinct([six, { ...six }])).toEqual([six]);
});

test('without any answer of DNS the fixed addresses are left', async () => {
  const fixed = [{ address: '10.1.1.2', port: 7443 }];
  const find = findEndpointsBy(
    { name: 'north.hall.example', port: 7443, resolvers: ['127.0.0.1:1'], fixed },
    { clock: systemClock, log: silentLog },
  );
  expect(await find(new AbortController().signal)).toEqual(fixed);
});

/** A DNS server that answers questions for IPv4 addresses and drops all others. */
async function startHalfDeafDns(): Promise<{ readonly server: string; close(): void }> {
  const socket = createSocket('udp4');
  socket.on('message', (question, from) => {
    const typeAt = question.indexOf(0, 12) + 1;
    if (question.readUInt16BE(typeAt) !== 1) return;
    const head = Buffer.from(question.subarray(0, typeAt + 4));
    head.writeUInt16BE(0x8580, 2);
    head.writeUInt16BE(1, 6);
    head.fill(0, 8, 12);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 1, 1, 9]);
    socket.send(Buffer.concat([head, record]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { server: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}

test('a DNS server that drops the question for IPv6 hides no IPv4 address, nor does one caller who gives up the answer of another', async () => {
  const dns = await startHalfDeafDns();
  try {
    const sources = { name: 'north.hall.example', port: 7443, resolvers: [dns.server], fixed: [] };
    const find = findEndpointsBy(sources, { clock: systemClock, log: silentLog });
    const given = AbortSignal.abort(new Error('not wanted any more'));
    const [found, none] = await Promise.all([find(new AbortController().signal), find(given)]);
    expect(found).toEqual([{ address: '10.1.1.9', port: 7443 }]);
    expect(none).toEqual([]);
  } finally {
    dns.close();
  }
});

describe('a race', () => {
  const ports = { clock: systemClock, staggerMs: 5 };
  const never = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));

  test('is won by the first success, and the others are aborted', async () => {
    const aborted: string[] = [];
    const attempt = (name: string, signal: AbortSignal): Promise<string> =>
      name === 'good' ? Promise.resolve(name) : never(signal).finally(() => aborted.push(name));
    expect(await race(['slow', 'good', 'late'], attempt, () => undefined, ports, new AbortController().signal)).toBe('good');
    expect(aborted).toEqual(['slow']);
  });

  test('gives back a success that came too late', async () => {
    const discarded: string[] = [];
    const attempt = async (name: string, signal: AbortSignal): Promise<string> => {
      if (name === 'second') return name;
      await never(signal).catch(() => undefined);
      return name;
    };
    expect(await race(['first', 'second'], attempt, (name) => discarded.push(name), ports, new AbortController().signal)).toBe('second');
    expect(discarded).toEqual(['first']);
  });

  test('that nobody wins names all failures', async () => {
    const attempt = (name: string): Promise<never> => Promise.reject(new Error(name));
    const lost = await race(['a', 'b'], attempt, () => undefined, ports, new AbortController().signal).catch((error: unknown) => error);
    expect((lost as AggregateError).errors.map(String)).toEqual(['Error: a', 'Error: b']);
  });

  test('ends with the signal', async () => {
    const stop = new AbortController();
    const running = race(
      ['a'],
      (_name, signal) => never(signal),
      () => undefined,
      ports,
      stop.signal,
    );
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });
});
