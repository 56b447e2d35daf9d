import { postgresErrors } from './errors.ts';
import type { ClusterState, ControlData } from './instance.ts';
import { parseLsn } from './lsn.ts';

const stateNames: Readonly<Record<string, ClusterState>> = {
  'starting up': 'starting',
  'shut down': 'shutDown',
  'shut down in recovery': 'shutDownInRecovery',
  'shutting down': 'shuttingDown',
  'in crash recovery': 'inCrashRecovery',
  'in archive recovery': 'inArchiveRecovery',
  'in production': 'inProduction',
};

/**
 * Reads the output of `pg_controldata` (run with LC_ALL=C).
 *
 * @param majorVersion  From the file PG_VERSION; pg_control carries only a version of its own layout.
 * @throws HK_POSTGRES_DATA  naming every line that is missing or unreadable, and when the checksum of the file does not match.
 */
export function parseControlData(output: string, majorVersion: number): ControlData {
  if (output.includes('WARNING: Calculated CRC checksum does not match'))
    throw postgresErrors.HK_POSTGRES_DATA('pg_control is damaged: copy this member anew');
  const lines = new Map(
    output.split('\n').flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]];
    }),
  );
  const problems: string[] = [];
  const read = <T>(name: string, parse: (text: string) => T | undefined, instead: T): T => {
    const text = lines.get(name);
    const value = text === undefined ? undefined : parse(text);
    if (value === undefined) problems.push(`${name}: ${text === undefined ? 'missing' : JSON.stringify(text.slice(0, 60))}`);
    return value ?? instead;
  };
  const lsn = (text: string): bigint | undefined => (/^[0-9A-F]+\/[0-9A-F]+$/i.test(text) ? parseLsn(text) : undefined);
  const count = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);
  const data: ControlData = {
    systemIdentifier: read('Database system identifier', (text) => (/^\d+$/.test(text) ? text : undefined), ''),
    majorVersion,
    state: read('Database cluster state', (text) => stateNames[text], 'starting'),
    timeline: read("Latest checkpoint's TimeLineID", count, 0),
    checkpointLsn: read('Latest checkpoint location', lsn, 0n),
    redoLsn: read("Latest checkpoint's REDO location", lsn, 0n),
    minRecoveryLsn: read('Minimum recovery ending location', lsn, 0n),
    minRecoveryTimeline: read("Min recovery ending loc's timeline", count, 0),
    dataChecksums: read('Data page checksum version', count, 0) > 0,
    walLogHints: read('wal_log_hints setting', (text) => (text === 'on' || text === 'off' ? text : undefined), 'off') === 'on',
    walSegmentBytes: read('Bytes per WAL segment', count, 0),
    limits: {
      max_connections: read('max_connections setting', count, 0),
      max_worker_processes: read('max_worker_processes setting', count, 0),
      max_prepared_transactions: read('max_prepared_xacts setting', count, 0),
      max_locks_per_transaction: read('max_locks_per_xact setting', count, 0),
    },
  };
  if (problems.length > 0) throw postgresErrors.HK_POSTGRES_DATA(`pg_controldata says ${problems.join('; ')}`);
  return data;
}
