import { expect, test } from 'vitest';
import { tellWhenSlow } from './tell-when-slow.ts';

/** Asks an API server that answers after so long. */
async function ask(answerMs: number, fail = false): Promise<{ readonly lines: readonly string[]; readonly failed: boolean }> {
  const lines: string[] = [];
  let woken = (): void => undefined;
  const clock = {
    nowMs: () => 0,
    wallMs: () => 0,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('stopped')));
        if (ms < answerMs) resolve();
        woken = resolve;
      }),
  };
  const answer = new Promise<void>((resolve, reject) => void setImmediate(() => (fail ? reject(new Error('gone')) : resolve())));
  const failed = await tellWhenSlow(answer, { clock, progress: (line) => lines.push(line) }, new AbortController().signal).then(
    () => false,
    () => true,
  );
  woken();
  return { lines, failed };
}

test('nothing is said of an answer that comes soon', async () => expect((await ask(3_999)).lines).toEqual([]));

test.each([false, true])('while none comes it is said within five seconds what holds meanwhile, whatever comes of it', async (fail) => {
  const { lines, failed } = await ask(30_000, fail);
  expect(failed).toBe(fail);
  expect(lines.join(' ')).toMatch(/has not answered for 4 s.*serves on.*restart nothing/);
});
