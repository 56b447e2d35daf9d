import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseProgress } from './base-copy.ts';
import { parseControlData } from './control-data.ts';
import { parseLogEnd } from './lineage.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { parseProcessStat } from './process-table.ts';
import { parseProof } from './proof.ts';
import { parsePostmasterFile, postmasterArguments } from './server-process.ts';
import { parseStatus } from './status.ts';
import { firstRecord, historyName, parseHistory, restOfRecord, segmentAt, timelineOfHistory } from './timeline-history.ts';
import { parseVersion, refuseVersion } from './version.ts';

describe('log positions', () => {
  test('read back as they were written, and compare as bytes', () => {
    fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (lsn) => parseLsn(formatLsn(lsn)) === lsn));
    expect(formatLsn(parseLsn('16/B374D848'))).toBe('16/B374D848');
    expect(parseLsn('1/0')).toBeGreaterThan(parseLsn('0/FFFFFFFF'));
  });

  for (const text of ['', '0', '0/', '/0', '0/0/0', '0/GG', '123456789/0', ' 0/0']) {
    test(`${JSON.stringify(text)} is refused`, () => expect(() => parseLsn(text)).toThrow('is not a log position'));
  }
});

describe('versions', () => {
  const rows = [
    ['postgres (PostgreSQL) 15.12 (Debian 15.12-0+deb12u2)', 'install 15.13'],
    ['postgres (PostgreSQL) 15.13', undefined],
    ['postgres (PostgreSQL) 16.8', 'install 16.9'],
    ['postgres (PostgreSQL) 16.10', undefined],
    ['postgres (PostgreSQL) 17.4', 'install 17.5'],
    ['postgres (PostgreSQL) 17.5', undefined],
    ['postgres (PostgreSQL) 18.0', undefined],
    ['postgres (PostgreSQL) 14.20', 'too old'],
    ['postgres (PostgreSQL) 18.4', undefined],
    ['postgres (PostgreSQL) 19devel', 'newer than this program knows'],
    ['postgres (PostgreSQL) 19.0', 'a newer Hallkeeper'],
  ] as const;
  for (const [text, refusal] of rows) {
    test(`${text} is ${refusal === undefined ? 'accepted' : 'refused'}`, () => {
      const answer = refuseVersion(parseVersion(text));
      if (refusal === undefined) expect(answer).toBeUndefined();
      else expect(answer).toContain(refusal);
    });
  }
  test('what names no version is refused', () => expect(() => parseVersion('hello')).toThrow('no version'));
});

const controlText = `pg_control version number:            1300
Catalog version number:               202209061
Database system identifier:           7412345678901234567
Database cluster state:               in archive recovery
pg_control last modified:             Mon 23 Nov 2026 01:00:00 AM UTC
Latest checkpoint location:           0/3000060
Latest checkpoint's REDO location:    0/3000028
Latest checkpoint's TimeLineID:       2
Minimum recovery ending location:     0/3000110
Min recovery ending loc's timeline:   2
wal_log_hints setting:                on
max_connections setting:              200
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
Bytes per WAL segment:                16777216
Data page checksum version:           1
`;

describe('pg_controldata', () => {
  test('says what the cluster is', () => {
    expect(parseControlData(controlText, 15)).toEqual({
      systemIdentifier: '7412345678901234567',
      majorVersion: 15,
      state: 'inArchiveRecovery',
      timeline: 2,
      checkpointLsn: parseLsn('0/3000060'),
      redoLsn: parseLsn('0/3000028'),
      minRecoveryLsn: parseLsn('0/3000110'),
      minRecoveryTimeline: 2,
      dataChecksums: true,
      walLogHints: true,
      walSegmentBytes: 16_777_216,
      limits: { max_connections: 200, max_worker_processes: 8, max_prepared_transactions: 0, max_locks_per_transaction: 64 },
    });
  });

  test('every missing or strange line is named at once', () => {
    const text = controlText.replace('in archive recovery', 'on holiday').replace(/Latest checkpoint location.*\n/, '');
    expect(() => parseControlData(text, 15)).toThrow('Latest checkpoint location: missing');
    expect(() => parseControlData(text, 15)).toThrow('Database cluster state: "on holiday"');
  });

  test('a damaged file is never believed', () => {
    expect(() => parseControlData(`WARNING: Calculated CRC checksum does not match value stored in file.\n${controlText}`, 15)).toThrow(
      'damaged',
    );
  });
});

describe('timeline histories', () => {
  test('comments and reasons are passed over', () => {
    const text = '# comment\n1\t0/3000110\tno recovery target specified\n\n2\t0/5000000\tbefore 2026-11-23 01:00:00+00\n';
    expect(parseHistory(text)).toEqual([
      { timeline: 1, endLsn: parseLsn('0/3000110') },
      { timeline: 2, endLsn: parseLsn('0/5000000') },
    ]);
  });

  for (const text of ['1 nowhere', 'x\t0/1\t', '2\t0/2\t\n1\t0/3\t', '1\t0/3\t\n2\t0/2\t']) {
    test(`${JSON.stringify(text)} is refused`, () => expect(() => parseHistory(text)).toThrow('the timeline history cannot be read'));
  }

  test('file names count in hexadecimal', () => {
    expect(historyName(26)).toBe('0000001A.history');
    expect(timelineOfHistory('0000001A.history')).toBe(26);
    expect(timelineOfHistory('00000001000000000000001A')).toBeUndefined();
    expect(segmentAt(2, parseLsn('1/FF000010'), 16 * 1024 * 1024)).toEqual({ name: '0000000200000001000000FF', offset: 16 });
  });
});

describe('the first record of a timeline', () => {
  const segment = 16 * 1024 * 1024;
  const rows = [
    { behaviour: 'in the middle of a page is its header alone', begun: '0/1000100', length: 24 },
    { behaviour: "at a page's start stands after the page's header", begun: '0/1002000', length: 48 },
    { behaviour: "at a segment's start stands after the long header", begun: '0/1000000', length: 64 },
    { behaviour: "at a page's end goes on after the next page's header", begun: '0/1001FF0', length: 48 },
    { behaviour: "at a segment's end is not compared", begun: '0/1FFFFF0', length: undefined },
  ] as const;
  for (const { behaviour, begun, length } of rows) {
    test(behaviour, () => expect(firstRecord(2, parseLsn(begun), parseLsn('1/0'), segment)?.length).toBe(length));
  }
  test('beyond the end of the log is unknown', () => {
    expect(firstRecord(2, parseLsn('0/1000100'), parseLsn('0/1000110'), segment)).toBeUndefined();
  });
});

describe('a record at the end of the log', () => {
  const segment = 16 * 1024 * 1024;
  const rows = [
    { behaviour: 'nothing was written there', begun: '0/3F3E9D8', bytes: 0, rest: undefined },
    { behaviour: 'it ends in its page', begun: '0/3F3E9D8', bytes: 100, rest: undefined },
    { behaviour: 'it fills its segment to the last byte', begun: '0/3FFFF00', bytes: 256, rest: undefined },
    { behaviour: 'one byte more', begun: '0/3FFFF00', bytes: 257, rest: '0/4000000' },
    { behaviour: 'the header of a page needs room too', begun: '0/3FFDF00', bytes: 8_448, rest: '0/4000000' },
    { behaviour: 'a long one', begun: '0/3F3E9D8', bytes: 1_048_650, rest: '0/4000000' },
  ] as const;
  for (const { behaviour, begun, bytes, rest } of rows) {
    test(`${behaviour}: ${rest === undefined ? 'it has no rest' : 'it goes on in the next segment'}`, () => {
      expect(restOfRecord(parseLsn(begun), bytes, segment)).toBe(rest === undefined ? undefined : parseLsn(rest));
    });
  }
});

describe('small texts of PostgreSQL and the kernel', () => {
  test('postmaster.pid', () => {
    expect(parsePostmasterFile('123\n/data\n1700000000\n5432\n/run\n127.0.0.1\n  1 2\nready   \n')).toEqual({ pid: 123, status: 'ready' });
    expect(parsePostmasterFile('123\n/data\n')).toEqual({ pid: 123, status: undefined });
    for (const text of ['', 'x\n', '-5\n', '1\n']) expect(parsePostmasterFile(text)).toBeUndefined();
  });

  test('/proc/PID/stat of a program whose name holds parentheses and spaces', () => {
    const fields = Array.from({ length: 49 }, (_, index) => String(index + 4)).join(' ');
    expect(parseProcessStat(`77 (a) b (c) S ${fields}`)).toMatchObject({ pid: 77, state: 'S', parentPid: 4, startTicks: '22' });
    expect(parseProcessStat('77 (cut')).toBeUndefined();
  });

  test('progress of a copy', () => {
    expect(parseProgress('12345/67890 kB (18%), 0/1 tablespace (…)\r 13000/67890 kB (19%), 0/1 tablespace')).toBe(19);
    expect(parseProgress('  9/8 kB (112%), 1/1 tablespace')).toBe(100);
    expect(parseProgress('waiting for checkpoint')).toBeUndefined();
  });

  test('the end of a log', () => {
    expect(parseLogEnd('WAL statistics between 0/1500028 and 0/15000D8:\nType')).toBe(parseLsn('0/15000D8'));
    expect(parseLogEnd('')).toBeUndefined();
  });

  test('a proof that is not whole is no proof', () => {
    const whole = { formatVersion: 1, complete: true, systemIdentifier: '7', timeline: 2 };
    expect(parseProof(JSON.stringify(whole))).toEqual({ systemIdentifier: '7', timeline: 2 });
    const broken = [
      { ...whole, complete: false },
      { ...whole, timeline: 0 },
      { ...whole, systemIdentifier: 7 },
      { ...whole, formatVersion: 2 },
      null,
      [],
    ];
    for (const raw of broken) expect(parseProof(JSON.stringify(raw))).toBeUndefined();
    expect(parseProof('{"complete":tr')).toBeUndefined();
  });

  test('a status tells absent values as absent', () => {
    const row = {
      in_recovery: 't',
      system_identifier: '7',
      timeline: '3',
      write_lsn: null,
      flush_lsn: null,
      replay_lsn: '0/5',
      checkpoint_timeline: '3',
      redo_lsn: '0/4',
      receiver: null,
      slots: '[]',
      names: '',
      conninfo_set: 'f',
      started_ms: '1.5',
      peers: '[{"name":"p","address":null,"state":"streaming","sync":"sync","sent":"0/5","flush":null,"replay":null,"ageMs":null}]',
    };
    const status = parseStatus(row);
    expect(status).toMatchObject({ inRecovery: true, flushLsn: undefined, replayLsn: 5n, receiver: undefined, postmasterStartedMs: 1.5 });
    expect(status.peers[0]).toMatchObject({ applicationName: 'p', flushLsn: undefined, sentLsn: 5n, replyAgeMs: undefined });
    expect(() => parseStatus({ ...row, timeline: null })).toThrow('no timeline');
  });
});

test('ALTER SYSTEM is refused by each version that can refuse it, and by no version that would not start with it', () => {
  const refuses = (major: number): boolean =>
    postmasterArguments({ data: '/d', configuration: '/c' }, major).includes('allow_alter_system=off');
  expect([15, 16, 17, 18].map(refuses)).toEqual([false, false, true, true]);
});
