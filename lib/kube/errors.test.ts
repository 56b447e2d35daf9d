import { expect, test } from 'vitest';
import { asFailedTest, isKubeError, statusError, transportError } from './errors.ts';
import type { RequestLabel } from './errors.ts';

const label: RequestLabel = { verb: 'update', resource: 'halls/status', target: 'a/b', confidential: false };

const statuses = [
  [400, '', 'HK_KUBE_REFUSED', 'never'],
  [401, '', 'HK_KUBE_UNAUTHORIZED', 'backoff'],
  [403, '', 'HK_KUBE_FORBIDDEN', 'backoff'],
  [404, 'NotFound', 'HK_KUBE_NOT_FOUND', 'reread'],
  [404, '', 'HK_KUBE_NO_RESOURCE', 'backoff'],
  [409, 'Conflict', 'HK_KUBE_CONFLICT', 'reread'],
  [409, 'AlreadyExists', 'HK_KUBE_EXISTS', 'reread'],
  [410, 'Expired', 'HK_KUBE_EXPIRED', 'reread'],
  [422, 'Invalid', 'HK_KUBE_REFUSED', 'never'],
  [429, '', 'HK_KUBE_BUSY', 'backoff'],
  [500, '', 'HK_KUBE_SERVER', 'backoff'],
  [503, '', 'HK_KUBE_SERVER', 'backoff'],
  [302, '', 'HK_KUBE_SERVER', 'backoff'],
] as const;

for (const [status, reason, code, retry] of statuses) {
  test(`${status} ${reason} is ${code}: ${retry}`, () => {
    expect(statusError(label, status, { kind: 'Status', code: status, reason })).toMatchObject({ status, reason, code, retry });
  });
}

test('the server may ask for a pause in the header or in the body, and the header counts', () => {
  const body = { code: 429, details: { retryAfterSeconds: 7 } };
  expect(statusError(label, 429, body).retryAfterMs).toBe(7_000);
  expect(statusError(label, 429, body, '2').retryAfterMs).toBe(2_000);
  expect(statusError(label, 429, {}, 'Wed, 21 Oct 2026 07:28:00 GMT').retryAfterMs).toBeUndefined();
  expect(statusError(label, 429, undefined).retryAfterMs).toBeUndefined();
});

test('no pause that a server asks for is longer than a minute', () => {
  expect(statusError(label, 503, {}, '3600').retryAfterMs).toBe(60_000);
  expect(statusError(label, 429, { code: 429, details: { retryAfterSeconds: 1e12 } }).retryAfterMs).toBe(60_000);
});

test('a failed test of a patch is a conflict; a refusal, which names its causes, is none', () => {
  const details = { causes: [{ reason: 'FieldValueInvalid', field: 'spec.a', message: 'too long' }] };
  const failedTest = statusError(label, 422, { code: 422, reason: 'Invalid', message: 'the server rejected our request' });
  expect(asFailedTest(failedTest)).toMatchObject({ code: 'HK_KUBE_CONFLICT', retry: 'reread', status: 422, cause: failedTest });
  const refused = [
    statusError(label, 422, { code: 422, reason: 'Invalid', details }),
    // Of a confidential resource the words are left out, never the causes themselves.
    statusError({ ...label, confidential: true }, 422, { code: 422, reason: 'Invalid', details }),
    statusError(label, 400, { code: 400, reason: 'BadRequest' }),
    new Error('something else'),
  ];
  for (const error of refused) expect(asFailedTest(error)).toBe(error);
});

test('the message says which request, what the server said, and the causes', () => {
  const details = { causes: [{ reason: 'FieldValueInvalid', field: 'spec.a', message: 'too long' }] };
  const error = statusError(label, 422, { code: 422, reason: 'Invalid', message: 'spec.a is too long', details });
  expect(error.message).toMatch(/update halls\/status a\/b, 422 Invalid: spec.a is too long$/);
  expect(error.causes).toEqual(details.causes);
});

test('of a confidential resource the words of the server are left out', () => {
  const details = { causes: [{ reason: 'FieldValueInvalid', field: 'data.key', message: 'hunter2' }] };
  const error = statusError({ ...label, confidential: true }, 422, { code: 422, reason: 'Invalid', message: 'bad: hunter2', details });
  expect(JSON.stringify(error) + error.message).not.toContain('hunter2');
  expect(error.causes).toEqual([{ reason: 'FieldValueInvalid', field: 'data.key', message: '' }]);
});

test('whatever a proxy sends as a body is survived, and bounded', () => {
  for (const body of [undefined, null, 'text', 7, [], { message: 7, reason: {}, details: { causes: [null, 3] } }]) {
    expect(statusError(label, 502, body)).toMatchObject({ code: 'HK_KUBE_SERVER', status: 502, reason: '' });
  }
  expect(statusError(label, 500, { message: 'x'.repeat(1e6) }).message.length).toBeLessThan(2_000);
});

test('errors without an answer keep their cause and status 0', () => {
  const cause = new Error('reset');
  const error = transportError('HK_KUBE_UNREACHABLE', label, '', cause);
  expect(error).toMatchObject({ status: 0, cause, retry: 'backoff' });
  expect([isKubeError(error), isKubeError(error, 'HK_KUBE_BUSY'), isKubeError(cause)]).toEqual([true, false, false]);
});
