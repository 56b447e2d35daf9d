import { defineErrors } from '#lib/base/errors.ts';

export const linkErrors = defineErrors({
  HK_LINK_UNREACHABLE: { retry: 'backoff', says: 'the other side could not be reached' },
  HK_LINK_IDENTITY: { retry: 'backoff', says: 'the other side is not who was expected, or did not accept our certificate' },
  HK_LINK_SILENT: { retry: 'backoff', says: 'the other side did not answer in time' },
  HK_LINK_BROKEN: { retry: 'backoff', says: 'the connection ended' },
  HK_LINK_REFUSED: { retry: 'backoff', says: 'the other side refused the call' },
  HK_LINK_NOT_PRIMARY: { retry: 'backoff', says: 'no member of the pair leads at the moment' },
  HK_LINK_OLD_EPOCH: { retry: 'backoff', says: 'the other side speaks for an epoch that is over' },
  HK_LINK_FOREIGN_PAIR: { retry: 'backoff', says: 'the other side belongs to another pair' },
});
