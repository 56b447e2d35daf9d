import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import type { StandMember } from '../pair/stand-member.ts';

const segmentBytes = 16n * 1024n * 1024n;
/** A record's header is as long: what is written behind it is its content. */
const headerBytes = 24;

/** Where a record of the log begins. */
export interface RecordPlace {
  /** File of the log, and the position of the record in it. */
  readonly file: string;
  readonly offset: number;
}

/** Reads where a record of the log begins: by a query that answers `timeline` and `lsn`, as PostgreSQL writes it. */
export async function recordAt(session: Pick<Client, 'query'>, query: string): Promise<RecordPlace> {
  const { rows } = await session.query<{ readonly timeline: number; readonly lsn: string }>(query);
  const [upper = '0', lower = '0'] = (rows[0]?.lsn ?? '').split('/');
  const at = (BigInt(`0x${upper}`) << 32n) + BigInt(`0x${lower}`);
  const number = at / segmentBytes;
  const hex = (part: bigint): string => part.toString(16).toUpperCase().padStart(8, '0');
  const perUpper = 0x1_0000_0000n / segmentBytes;
  const file = `${hex(BigInt(rows[0]?.timeline ?? 1))}${hex(number / perUpper)}${hex(number % perUpper)}`;
  return { file, offset: Number(at % segmentBytes) };
}

/** Overwrites some bytes of the record, as a disk does that goes bad. Its checksum shows it to whoever reads it. */
export async function damageRecord({ dataDirectory }: StandMember, { file, offset }: RecordPlace): Promise<void> {
  const handle = await open(join(dataDirectory, 'pg_wal', file), 'r+');
  try {
    await handle.write(Buffer.alloc(8, 0xa5), 0, 8, offset + headerBytes);
  } finally {
    await handle.close();
  }
}
