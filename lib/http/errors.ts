import { defineErrors } from '#lib/base/errors.ts';

export const httpErrors = defineErrors({
  HK_HTTP_LISTEN: { retry: 'backoff', says: 'the HTTP server cannot listen' },
});
