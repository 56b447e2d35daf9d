import { expect, test } from 'vitest';
import { unlessAborted } from './request.ts';

test('work whose caller has gone, before or meanwhile, may fail without ending the process', async () => {
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', hear);
  try {
    const before = unlessAborted(Promise.reject(new Error('too late')), AbortSignal.abort(new Error('gone')));
    await expect(before).rejects.toThrow('gone');
    const caller = new AbortController();
    let fail: (reason: Error) => void = () => undefined;
    const meanwhile = unlessAborted(new Promise((_, reject) => (fail = reject)), caller.signal);
    caller.abort(new Error('gone'));
    await expect(meanwhile).rejects.toThrow('gone');
    fail(new Error('too late'));
    // Node tells of them after all microtasks.
    await new Promise((resolve) => void setImmediate(resolve));
    expect(unheard).toEqual([]);
  } finally {
    process.off('unhandledRejection', hear);
  }
});
