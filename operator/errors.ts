import { defineErrors } from '#lib/base/errors.ts';

export const operatorErrors = defineErrors({
  HK_OBJECT_FOREIGN: { retry: 'never', says: 'an object of this name exists, and it was not made for this owner' },
  HK_OBJECT_UNSEEN: { retry: 'backoff', says: 'the object exists, but was not among those that are followed' },
  HK_OBJECT_DELETING: { retry: 'backoff', says: 'the object is being deleted and cannot be changed yet' },
  HK_CLEANUP_PENDING: { retry: 'backoff', says: 'a pair that is being deleted waits for something outside the cluster' },
  HK_AUTHORITY_UNREADABLE: { retry: 'never', says: 'the Secret of a certification authority cannot be read' },
  HK_AUTHORITY_LOST: { retry: 'never', says: 'the certification authority that everything was signed with is gone' },
  HK_MEMBER_UNREACHABLE: { retry: 'backoff', says: 'the agent of a member does not answer' },
  HK_MEMBER_REFUSED: { retry: 'backoff', says: 'the agent of a member refuses' },
});
