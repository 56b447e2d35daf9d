import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lsn } from '../lsn.ts';
import { segmentAt } from '../timeline-history.ts';

/** PostgreSQL's default, which every server of a test has. */
const segmentBytes = 16 * 1024 * 1024;
const spoiledBytes = 8;
/** A record's header is as long: what is written behind it is its content. */
const recordHeaderBytes = 24n;

export interface SpoiledPlace {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/**
 * Overwrites some bytes of a log from a place on, as a disk does that goes bad.
 *
 * @returns puts them back.
 */
export async function spoilLog(dataDirectory: string, { timeline, lsn }: SpoiledPlace): Promise<() => Promise<void>> {
  const { name, offset } = segmentAt(timeline, lsn, segmentBytes);
  const write = async (bytes: Buffer): Promise<Buffer> => {
    const file = await open(join(dataDirectory, 'pg_wal', name), 'r+');
    try {
      const { buffer } = await file.read(Buffer.alloc(spoiledBytes), 0, spoiledBytes, offset);
      await file.write(bytes, 0, spoiledBytes, offset);
      return buffer;
    } finally {
      await file.close();
    }
  };
  const before = await write(Buffer.alloc(spoiledBytes, 0xa5));
  return async () => void (await write(before));
}

/** The same with the content of the record that begins there: its checksum shows it to whoever reads it. */
export async function spoilRecord(dataDirectory: string, { timeline, lsn }: SpoiledPlace): Promise<void> {
  await spoilLog(dataDirectory, { timeline, lsn: lsn + recordHeaderBytes });
}
