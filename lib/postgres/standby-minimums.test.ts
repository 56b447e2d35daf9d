import { expect, test } from 'vitest';
import { raisedTo } from './standby-minimums.ts';

const primary = { max_connections: 200, max_worker_processes: 8, max_prepared_transactions: 0, max_locks_per_transaction: 64 };

const rows: readonly (readonly [string, Readonly<Record<string, string>>, Readonly<Record<string, string>>])[] = [
  ["a lower limit becomes the primary's", { max_connections: '100', work_mem: '1MB' }, { max_connections: '200', work_mem: '1MB' }],
  ['a higher limit stays', { max_connections: '300' }, { max_connections: '300' }],
  ['a name in capitals is the same name', { MAX_CONNECTIONS: '20' }, { MAX_CONNECTIONS: '200' }],
  ['what is not set has the default, which may be too low', {}, { max_connections: '200' }],
  ["of a number that is written otherwise, the primary's counts", { max_connections: '0x20' }, { max_connections: '200' }],
];
for (const [behaviour, own, raised] of rows) test(behaviour, () => expect(raisedTo(primary, own)).toEqual(raised));
