import type { Client } from 'pg';
import { messageOf } from '#lib/base/errors.ts';
import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from '../pair/pair-stand.ts';
import { other, waits } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import { readWritten } from '../pair/writer.ts';
import type { Witness } from './local-observer.ts';
import { openLocally } from './local-session.ts';
import { lossesOf } from './losses.ts';
import type { Losses } from './losses.ts';

/** Compares what was acknowledged so far with what both members of a pair in step hold. A copy that cannot be read is told as a problem. */
export async function compareCopies(stand: PairStand, leader: Name, ...witnesses: readonly Witness[]): Promise<Losses> {
  // What is acknowledged while we read is of no account: it may have come after the reading.
  const acknowledged = witnesses.flatMap((witness) => witness.acknowledged.map(({ id }) => id));
  const unread: string[] = [];
  const read = async (which: string, reading: Promise<ReadonlySet<number>>): Promise<ReadonlySet<number> | undefined> =>
    await reading.catch((error: unknown) => {
      unread.push(`the copy of the ${which} could not be read: ${messageOf(error)}`);
      return undefined;
    });
  const connection = { port: stand.postgresPort, client: stand.client };
  const held = {
    leader: await read('leader', readWritten(stand.members[leader].address, connection)),
    standby: await read('standby', writtenOnStandby(stand, leader)),
  };
  const { lost, problems } = lossesOf(acknowledged, held);
  return { lost, problems: [...problems, ...unread] };
}

/** Every id that the standby holds once it has replayed what its leader has written until now. */
async function writtenOnStandby({ members, postgresPort: port }: PairStand, leader: Name): Promise<ReadonlySet<number>> {
  const primary = await openLocally(members[leader], { port });
  let position: string;
  try {
    position = await answerOf(primary, 'SELECT pg_current_wal_flush_lsn()::text AS answer');
  } finally {
    await primary.end();
  }
  const standby = await openLocally(members[other(leader)], { port });
  try {
    await eventually(
      `the standby has replayed ${position}`,
      async () => (await answerOf(standby, `SELECT (pg_last_wal_replay_lsn() >= '${position}')::text AS answer`)) === 'true',
      waits,
    );
    const { rows } = await standby.query<{ readonly id: string }>('SELECT id FROM written');
    return new Set(rows.map(({ id }) => Number(id)));
  } finally {
    await standby.end();
  }
}

async function answerOf(client: Client, query: string): Promise<string> {
  const { rows } = await client.query<{ readonly answer: string | null }>(query);
  return rows[0]?.answer ?? '';
}
