import { defineErrors } from '#lib/base/errors.ts';

export const hallErrors = defineErrors({
  HK_CLAIM_CONTESTED: { retry: 'backoff', says: 'several halls claim the same thing at this moment' },
});
