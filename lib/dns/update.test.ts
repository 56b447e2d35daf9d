import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { buildFailoverUpdate } from './failover-record.ts';
import { query } from './query.ts';
import { answerTo, startScriptedServer } from './testing/scripted-server.ts';
import type { AnswerPlan, ScriptedServer } from './testing/scripted-server.ts';
import { sendUpdate } from './update.ts';
import type { UpdateResult } from './update.ts';

const key = { name: 'Hallkeeper', secret: new Secret(Buffer.alloc(32, 7).toString('base64')) };
const other = { name: key.name, secret: new Secret(Buffer.alloc(32, 8).toString('base64')) };
const stranger = { name: 'stranger', secret: key.secret };
const ports = { clock: systemClock, random: systemRandom };
const record = { zone: 'hall.test', name: 'north.hall.test', ttlSeconds: 1, address: '10.1.2.3', pairUid: 'uid-1', epoch: 2 };
const never = new AbortController().signal;

const update = ({ server }: ScriptedServer, signal = never): Promise<UpdateResult> =>
  sendUpdate(server, buildFailoverUpdate(record, 1), key, ports, signal);

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE'];

describe('an answer signed by our key with the code', () => {
  test.each(
    rcodes.map((rcode, code) => {
      if (code === 0) return { rcode, code, result: { result: 'applied' } };
      const asked = ['NXDOMAIN', 'YXDOMAIN', 'YXRRSET', 'NXRRSET'].includes(rcode);
      return { rcode, code, result: { result: asked ? 'prerequisiteFailed' : 'refused', rcode } };
    }),
  )('$rcode is $result.result', async ({ code, result }) => {
    await using scripted = await startScriptedServer((socket, request) =>
      socket.write(answerTo(request, { rcode: code, signature: { key } })),
    );
    expect(await update(scripted)).toEqual(result);
  });
});

describe('an answer that anybody could have sent says nothing, whatever its code', () => {
  test.each(rcodes.map((rcode, code) => ({ rcode, code })))('$rcode without a signature', async ({ rcode, code }) => {
    await using scripted = await startScriptedServer((socket, request) => socket.write(answerTo(request, { rcode: code })));
    expect(await update(scripted)).toEqual({ result: 'unauthenticated', rcode, says: 'it is not signed' });
  });

  test.each<[string, NonNullable<AnswerPlan['signature']>, string]>([
    ['signed by another secret', { key: other }, 'its signature is wrong'],
    ['signed under another name', { key: stranger }, 'it is signed by another key'],
    ['with the first half of the code', { key, macBytes: 16 }, 'its signature is wrong'],
    ['with the first ten bytes of the code', { key, macBytes: 10 }, 'its signature is wrong'],
    ['with a code of no bytes', { key, macBytes: 0 }, 'it is not signed, and says nothing'],
    ['signed ten minutes ahead', { key, aheadSeconds: 600 }, 'it was signed 600 s apart from our clock'],
    ['signed ten minutes ago', { key, aheadSeconds: -600 }, 'it was signed 600 s apart from our clock'],
  ])('NOERROR %s', async (_what, signature, says) => {
    await using scripted = await startScriptedServer((socket, request) => socket.write(answerTo(request, { rcode: 0, signature })));
    const found = await update(scripted);
    expect(found).toMatchObject({ result: 'unauthenticated', rcode: 'NOERROR' });
    // A second may pass between signing and judging.
    expect('says' in found && found.says.replace(/\b(599|601) s/, '600 s')).toBe(says);
  });

  test.each([
    [16, 'BADSIG'],
    [17, 'BADKEY'],
    [22, 'BADTRUNC'],
    [99, 'TSIG99'],
  ])('NOTAUTH with the error %s names it: %s', async (error, tsigError) => {
    const signature = { key, error, macBytes: 0 };
    await using scripted = await startScriptedServer((socket, request) => socket.write(answerTo(request, { rcode: 9, signature })));
    expect(await update(scripted)).toMatchObject({ result: 'unauthenticated', rcode: 'NOTAUTH', tsigError });
  });

  test('the answer to an earlier request of ours', async () => {
    let first: Buffer | undefined;
    await using scripted = await startScriptedServer((socket, request) => {
      first ??= answerTo(request, { rcode: 0, signature: { key } });
      const replay = Buffer.from(first);
      request.copy(replay, 2, 2, 4);
      socket.write(replay);
    });
    expect(await update(scripted)).toEqual({ result: 'applied' });
    expect(await update(scripted)).toMatchObject({ result: 'unauthenticated' });
  });
});

describe('a server whose clock is an hour from ours', () => {
  const secondsNow = (): number => Math.floor(Date.now() / 1_000);
  const badTime = (request: Buffer, aheadSeconds: number): Buffer =>
    answerTo(request, { rcode: 9, signature: { key, error: 18, serverSeconds: secondsNow() + aheadSeconds } });

  test.each([3_600, -3_600])('by %s s is asked again with its own time', async (aheadSeconds) => {
    let asked = 0;
    await using scripted = await startScriptedServer((socket, request) => {
      asked += 1;
      socket.write(asked === 1 ? badTime(request, aheadSeconds) : answerTo(request, { rcode: 0, signature: { key } }));
    });
    const found = await update(scripted);
    expect(found.result).toBe('applied');
    const { serverAheadMs = 0 } = found as { readonly serverAheadMs?: number };
    expect(Math.abs(serverAheadMs - aheadSeconds * 1_000)).toBeLessThan(60_000);
    const [first, second] = scripted.requests.map((request) => request.subarray(2));
    expect(asked).toBe(2);
    expect(timeOf(second) - timeOf(first)).toBeGreaterThan(aheadSeconds - 60);
    expect(timeOf(second) - timeOf(first)).toBeLessThan(aheadSeconds + 60);
  });

  test('and which does not take that either is asked no third time', async () => {
    await using scripted = await startScriptedServer((socket, request) => socket.write(badTime(request, 3_600)));
    expect(await update(scripted)).toMatchObject({ result: 'refused', rcode: 'NOTAUTH', tsigError: 'BADTIME' });
    expect(scripted.requests).toHaveLength(2);
  });

  test('is not believed when its answer is not signed', async () => {
    const signature = { key, error: 18, macBytes: 0, serverSeconds: secondsNow() + 3_600 };
    await using scripted = await startScriptedServer((socket, request) => socket.write(answerTo(request, { rcode: 9, signature })));
    expect(await update(scripted)).toMatchObject({ result: 'unauthenticated', tsigError: 'BADTIME' });
    expect(scripted.requests).toHaveLength(1);
  });
});

/** The time in the TSIG, which ends each request: time, fudge, length and code of 32 bytes, id, error, other length. */
function timeOf(request: Buffer | undefined): number {
  return request?.readUIntBE(request.length - 6 - 32 - 2 - 2 - 6, 6) ?? 0;
}

describe('a server that', () => {
  test('cuts its answer short (TC) has said all the same what it did', async () => {
    const plan = { rcode: 0, truncated: true, signature: { key } };
    await using scripted = await startScriptedServer((socket, request) => socket.write(answerTo(request, plan)));
    expect(await update(scripted)).toEqual({ result: 'applied' });
  });

  test('cuts the answer to a query short over TCP is not believed to have no more', async () => {
    const plan = { rcode: 0, truncated: true, signature: { key } };
    await using scripted = await startScriptedServer((socket, request) => socket.write(answerTo(request, plan)));
    const ask = query(scripted.server, { name: record.name, type: 'TXT', transport: 'tcp', maxMs: 10_000, key }, ports, never);
    await expect(ask).rejects.toMatchObject({ code: 'HK_DNS_MESSAGE_INVALID' });
  });

  test('sends its answer byte by byte, and more behind it, is heard', async () => {
    await using scripted = await startScriptedServer((socket, request) => {
      const bytes = Buffer.concat([answerTo(request, { rcode: 5, signature: { key } }), Buffer.from('0004abcdabcd', 'hex')]);
      void (async () => {
        for (const byte of bytes) {
          socket.write(Buffer.of(byte));
          await turn();
        }
      })();
    });
    expect(await update(scripted)).toEqual({ result: 'refused', rcode: 'REFUSED' });
  });

  test.each<[string, (answer: Buffer) => Buffer | undefined]>([
    ['closes without a word', () => undefined],
    ['closes after one byte of the length', (answer) => answer.subarray(0, 1)],
    ['closes after the length', (answer) => answer.subarray(0, 2)],
    ['closes after half of its answer', (answer) => answer.subarray(0, answer.length / 2)],
    ['sends a message of no bytes', () => Buffer.alloc(2)],
    ['sends less than a header', () => Buffer.from('0003010203', 'hex')],
    ['sends a message with bytes behind it', (answer) => lengthened(answer)],
    ['sends the answer to another id', (answer) => withId(answer)],
    ['sends the request back', () => undefined],
  ])('%s has failed', async (what, change) => {
    await using scripted = await startScriptedServer((socket, request) => {
      const changed = change(answerTo(request, { rcode: 0, signature: { key } }));
      if (what === 'sends the request back') socket.end(request);
      else if (changed === undefined) socket.destroy();
      else socket.end(changed);
    });
    expect(await update(scripted)).toMatchObject({ result: 'failed', error: { retry: 'backoff' } });
  });

  test.each<[string, (answer: Buffer) => Buffer]>([
    ['never answers', () => Buffer.alloc(0)],
    ['sends half of its answer and holds the connection', (answer) => answer.subarray(0, answer.length / 2)],
  ])('%s is left after three seconds, or when we stop', async (_what, change) => {
    await using scripted = await startScriptedServer((socket, request) => {
      const part = change(answerTo(request, { rcode: 0, signature: { key } }));
      if (part.length > 0) socket.write(part);
    });
    const stop = new AbortController();
    const stopped = update(scripted, stop.signal);
    await expect.poll(() => scripted.requests.length, { timeout: 30_000 }).toBe(1);
    stop.abort(new Error('enough'));
    expect(await stopped).toMatchObject({ result: 'failed', error: { code: 'HK_DNS_UNREACHABLE', cause: { message: 'enough' } } });
    expect(await update(scripted)).toMatchObject({
      result: 'failed',
      error: { code: 'HK_DNS_UNREACHABLE', cause: { code: 'HK_DEADLINE' } },
    });
  });

  test('does not listen has failed, and nothing is sent to an invalid name', async () => {
    const scripted = await startScriptedServer(() => undefined);
    await scripted[Symbol.asyncDispose]();
    expect(await update(scripted)).toMatchObject({ result: 'failed', error: { code: 'HK_DNS_UNREACHABLE' } });
    const outside = buildFailoverUpdate({ ...record, name: 'north.other.test' }, 1);
    await expect(sendUpdate(scripted.server, outside, key, ports, never)).rejects.toMatchObject({ code: 'HK_DNS_RECORD_INVALID' });
  });
});

function lengthened(answer: Buffer): Buffer {
  const longer = Buffer.concat([answer, Buffer.of(0)]);
  longer.writeUInt16BE(longer.length - 2);
  return longer;
}

function withId(answer: Buffer): Buffer {
  const changed = Buffer.from(answer);
  changed.writeUInt16BE((answer.readUInt16BE(2) + 1) & 0xffff, 2);
  return changed;
}
