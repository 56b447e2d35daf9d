import { defineErrors } from '#lib/base/errors.ts';

/** What can go wrong in the operator runtime itself. */
export const runtimeErrors = defineErrors({
  HK_CACHE_NOT_SYNCED: { retry: 'never', says: 'the first list of a resource did not arrive in time' },
  HK_CACHE_DECLARED: { retry: 'never', says: 'a resource is declared twice for the cache, or after its start' },
  HK_RECONCILE_LATE: { retry: 'backoff', says: 'the reconciliation ran out of time' },
  HK_CONTROLLER_STUCK: { retry: 'never', says: 'a reconciliation goes on although it was aborted' },
  HK_LEASE_KEPT: { retry: 'never', says: 'the lease is not given back while work that it guards goes on' },
  HK_LEASE_SETTINGS: { retry: 'never', says: 'the times of the lease contradict each other' },
  HK_LEASE_LOST: { retry: 'never', says: 'leadership is lost, the process must end' },
  HK_OWNED_BY_OTHER: { retry: 'never', says: 'the object belongs to another controller' },
});
