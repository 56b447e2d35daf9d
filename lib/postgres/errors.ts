import { defineErrors } from '#lib/base/errors.ts';

/** What may go wrong with one PostgreSQL instance. Every message says what to do where a person can do something. */
export const postgresErrors = defineErrors({
  HK_POSTGRES_BINARIES: { retry: 'never', says: 'the PostgreSQL programs cannot be used' },
  HK_POSTGRES_SETTINGS: { retry: 'never', says: 'the PostgreSQL settings are refused' },
  HK_POSTGRES_LOCKED: { retry: 'backoff', says: 'another agent holds the data directory' },
  HK_POSTGRES_DATA: { retry: 'never', says: 'the data directory cannot be used' },
  HK_POSTGRES_PROGRAM: { retry: 'backoff', says: 'a PostgreSQL program failed' },
  HK_POSTGRES_DISK_FULL: { retry: 'backoff', says: 'the disk of the data directory is full' },
  HK_POSTGRES_NOT_STARTED: { retry: 'backoff', says: 'PostgreSQL did not start' },
  HK_POSTGRES_RUNNING: { retry: 'reread', says: 'PostgreSQL runs on this data directory' },
  HK_POSTGRES_NOT_RUNNING: { retry: 'reread', says: 'PostgreSQL does not run' },
  HK_POSTGRES_RELOAD: { retry: 'backoff', says: 'PostgreSQL did not take the changed settings' },
  HK_POSTGRES_SQL: { retry: 'backoff', says: 'a statement failed' },
  HK_POSTGRES_UNREACHABLE: { retry: 'backoff', says: 'no connection to PostgreSQL' },
  HK_POSTGRES_NOT_SYNCHRONOUS: { retry: 'backoff', says: 'the commit is local: its wait for the peer was cancelled' },
  HK_POSTGRES_LOG_ENDS_EARLY: { retry: 'never', says: 'the log on this disk cannot be read as far as the other member has it' },
  HK_POSTGRES_HISTORY: { retry: 'never', says: 'the timeline history cannot be read' },
});
