import { expect, test } from 'vitest';
import { lastWordOf } from './postgres-lane.ts';

const rows: readonly (readonly [string, string, string | undefined])[] = [
  [
    'the last failure counts, not what came after it',
    '10:00 UTC [7] FATAL:  first\n10:01 UTC [7] PANIC:  could not write to file "pg_wal/x": No space left on device\n10:01 UTC [1] LOG:  terminating\n',
    'PANIC:  could not write to file "pg_wal/x": No space left on device',
  ],
  ['a quiet end has no last word', '10:00 UTC [7] LOG:  database system is shut down\n', undefined],
  ['an empty log has none', '', undefined],
];
for (const [behaviour, log, word] of rows) test(behaviour, () => expect(lastWordOf(log)).toBe(word));
