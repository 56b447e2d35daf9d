import { defineErrors } from '#lib/base/errors.ts';

export const hallErrors = defineErrors({
  HK_LEDGER_AWAY: { retry: 'backoff', says: 'the ledger cannot be reached' },
  HK_LEDGER_STANDBY: { retry: 'backoff', says: 'PostgreSQL is still in recovery' },
  HK_LEDGER_FALSE_ACK: { retry: 'backoff', says: 'a commit returned before the standby had it' },
  HK_LEDGER_REFUSED: { retry: 'never', says: 'PostgreSQL does not take this value, now or later' },
  HK_LEDGER_MIGRATION: {
    retry: 'never',
    says: 'the ledger was made by other migrations than ours; use the version that made it or a newer one',
  },
  HK_LEDGER_SETTINGS: { retry: 'never', says: 'the ledger may not be written with these settings of PostgreSQL' },
  HK_LEDGER_NEWER_EPOCH: { retry: 'never', says: 'the ledger has been led with a higher epoch' },
  HK_LEDGER_OTHER_HALL: { retry: 'never', says: 'the ledger belongs to another hall' },
  HK_REIGN_OVER: { retry: 'never', says: 'this member does not lead any more' },
  HK_ROSTER_INVALID: { retry: 'never', says: 'the roster is refused' },
  HK_HISTORY_INVALID: { retry: 'never', says: 'the question about the history is refused' },
  HK_HELLO_INVALID: { retry: 'never', says: 'the hello is refused' },
  HK_TERMINAL_UNKNOWN: { retry: 'backoff', says: 'the roster has no such terminal' },
  HK_TERMINAL_DUPLICATE: { retry: 'backoff', says: 'another run with the same certificate is alive' },
  HK_TERMINAL_REPLACED: { retry: 'backoff', says: 'a newer connection of the same run took over' },
  HK_PEER_NOT_ALLOWED: { retry: 'never', says: 'the certificate does not allow this call' },
  HK_RATE_EXCEEDED: { retry: 'backoff', says: 'too many messages or streams' },
});
