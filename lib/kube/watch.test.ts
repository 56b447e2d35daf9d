import { expect, test } from 'vitest';
import type { Logger } from '#lib/base/log.ts';
import { silentLog } from '#lib/base/log.ts';
import { readEvents } from './watch.ts';

const label = { verb: 'watch', resource: 'things', target: 'hall', confidential: false };
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const thing = (name: string): object => ({ metadata: { name } });

async function read(
  chunks: readonly (string | Error)[],
  log: Logger = silentLog,
  signal = new AbortController().signal,
): Promise<{ readonly types: readonly string[]; readonly error: unknown }> {
  const body = (async function* () {
    for (const chunk of chunks) {
      if (chunk instanceof Error) throw chunk;
      yield Buffer.from(chunk);
    }
  })();
  const types: string[] = [];
  try {
    for await (const { type, object } of readEvents(body, { label, log, signal })) types.push(`${type} ${object.metadata.name}`);
    return { types, error: undefined };
  } catch (error) {
    return { types, error };
  }
}

test('events come out in order, and a stream that stops inside a line just ends', async () => {
  const text = line('ADDED', thing('a')) + line('BOOKMARK', thing('')) + line('DELETED', thing('a'));
  expect(await read([text, '{"type":"ADD'])).toEqual({ types: ['ADDED a', 'BOOKMARK ', 'DELETED a'], error: undefined });
});

test('an ERROR event is the error of its Status', async () => {
  const gone = line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' });
  expect(await read([line('ADDED', thing('a')), gone])).toMatchObject({
    types: ['ADDED a'],
    error: { code: 'HK_KUBE_EXPIRED', status: 410 },
  });
  expect((await read([line('ERROR', {})])).error).toMatchObject({ code: 'HK_KUBE_SERVER' });
});

test('an unknown kind of event is told once and passed over', async () => {
  const told: unknown[] = [];
  const log: Logger = { ...silentLog, warn: (fields) => void told.push(fields['type']) };
  const text = line('NEWS', thing('x')) + line('NEWS', thing('y')) + line('ADDED', thing('a'));
  expect(await read([text], log)).toEqual({ types: ['ADDED a'], error: undefined });
  expect(told).toEqual(['NEWS']);
});

test('what is no event is told without quoting it', async () => {
  for (const bad of ['hunter2\n', '{"type":7,"object":{}}\n', '{"type":"ADDED","object":null}\n', 'null\n']) {
    const { error } = await read([bad]);
    expect(error).toMatchObject({ code: 'HK_KUBE_GARBLED', retry: 'backoff' });
    expect(String(error)).not.toContain('hunter2');
  }
});

test('a broken connection and an abort are told apart', async () => {
  expect((await read([new Error('reset')])).error).toMatchObject({ code: 'HK_KUBE_UNREACHABLE', cause: { message: 'reset' } });
  const reason = new Error('enough');
  expect((await read([new Error('aborted')], silentLog, AbortSignal.abort(reason))).error).toBe(reason);
});
