import { describe, expect, test } from 'vitest';
import { blamesSettings, lastWordOf } from './start-fault.ts';

describe('the last word of a log', () => {
  const rows: readonly (readonly [string, string, string | undefined])[] = [
    [
      'the last failure counts, not what came after it',
      '10:00 UTC [7] FATAL:  first\n10:01 UTC [7] PANIC:  could not write to file "pg_wal/x": No space left on device\n10:01 UTC [1] LOG:  terminating\n',
      'PANIC:  could not write to file "pg_wal/x": No space left on device',
    ],
    [
      'a session that is turned away is no failure of the server',
      '10:00 UTC [7] FATAL:  first\n10:01 UTC [8] FATAL:  the database system is starting up\n',
      'FATAL:  first',
    ],
    ['a quiet end has no last word', '10:00 UTC [7] LOG:  database system is shut down\n', undefined],
    ['an empty log has none', '', undefined],
  ];
  for (const [behaviour, log, word] of rows) test(behaviour, () => expect(lastWordOf(log)).toBe(word));
});

describe('a failed start', () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['configuration file "/var/lib/x/postgresql.conf" contains errors', true],
    ['recovery aborted because of insufficient parameter settings', true],
    ['could not map anonymous shared memory: Cannot allocate memory', true],
    ['could not create any TCP/IP sockets', true],
    ['could not access file "pg_cron": No such file or directory', true],
    ['database files are incompatible with server', true],
    ['could not locate a valid checkpoint record', false],
    ["requested timeline 3 is not a child of this server's history", false],
    ['WAL ends before end of online backup', false],
    ['could not open file "base/1/1259": No such file or directory', false],
  ];
  for (const [word, settings] of rows) {
    test(`is laid to ${settings ? 'settings or machine' : 'the data'}: ${word}`, () =>
      expect(blamesSettings(`10:00 UTC [7] FATAL:  ${word}\n10:00 UTC [1] LOG:  database system is shut down\n`)).toBe(settings));
  }
  test('is laid to the data when the log does not tell', () => expect(blamesSettings('')).toBe(false));
});
