import { expect, test } from 'vitest';
import { statusError } from '#lib/kube/errors.ts';
import { callerName } from './caller.ts';

const signal = new AbortController().signal;
const answering = (answer: () => Promise<unknown>) => callerName({ create: answer } as never, signal);
const failure = (status: number) => statusError({ verb: 'create', resource: 'selfsubjectreviews' } as never, status, {});

test('the caller is who the API server says', async () => {
  expect(await answering(() => Promise.resolve({ status: { userInfo: { username: 'ada' } } }))).toBe('ada');
});

test.each([403, 404])(
  'where the API server does not say who that is (%s), nothing that is asked for at night fails for it',
  async (status) => {
    expect(await answering(() => Promise.reject(failure(status)))).toBeUndefined();
  },
);

test('an API server that is ill is told', async () => {
  await expect(answering(() => Promise.reject(failure(500)))).rejects.toThrow('selfsubjectreviews');
});
