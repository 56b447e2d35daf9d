import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from '../pair/pair-stand.ts';
import { inStep, other, waits } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import { acknowledgedLocally } from './acknowledged-locally.ts';
import { startChaosPair } from './chaos-pair.ts';
import { compareCopies } from './compare-copies.ts';
import { openLocally } from './local-session.ts';

const pageBytes = 8_192;
/** Rows that fill several pages. */
const fillers = 2_000;
const asRoot = process.getuid?.() === 0;

test.runIf(asRoot)(
  'a standby that streams but holds no longer what was acknowledged is told of, though the leader holds everything',
  async () => {
    await using pair = await startChaosPair();
    const { stand, observers, localObservers } = pair;
    const { leader } = await inStep(stand);
    for (const each of Object.values(localObservers)) each.start();
    await acknowledgedLocally(pair, leader);
    const everyone = [pair.writer, ...Object.values(observers), ...Object.values(localObservers)];
    expect(await compareCopies(stand, leader, ...everyone)).toEqual({ lost: 0, problems: [] });

    const standby = stand.members[other(leader)];
    const file = await leaveBehind(stand, leader);
    const killed = await standby.postmaster();
    await standby.signalPostgres('SIGKILL');
    await emptyFirstPage(join(standby.dataDirectory, file));
    await eventually(
      'the standby runs again',
      async () => {
        const postmaster = await standby.postmaster();
        return postmaster !== undefined && postmaster !== killed;
      },
      waits,
    );
    await inStep(stand);

    const { lost, problems } = await compareCopies(stand, leader, ...everyone);
    expect(lost).toBeGreaterThan(0);
    expect(problems).toEqual([expect.stringMatching(/^\d+ acknowledged writes are missing on the standby, 1 first$/)]);
  },
  240_000,
);

/** A page of zeros is one that nobody has used yet: PostgreSQL finds nothing wrong with it. */
async function emptyFirstPage(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.write(Buffer.alloc(pageBytes), 0, pageBytes, 0);
}

/** Sees to it that nothing that is replayed later brings back the pages written until now. Returns the file of the table. */
async function leaveBehind(stand: PairStand, leader: Name): Promise<string> {
  const primary = await openLocally(stand.members[leader], { port: stand.postgresPort });
  const standby = await openLocally(stand.members[other(leader)], { port: stand.postgresPort });
  try {
    await primary.query(`INSERT INTO written SELECT -i FROM generate_series(1, ${fillers}) AS i`);
    // The first to read a row after its commit marks it so, which sends the whole page to the standby.
    await primary.query('SELECT count(id) FROM written WHERE id <> 0');
    await primary.query('CHECKPOINT');
    const { rows } = await primary.query<{ readonly begin: string; readonly path: string }>(
      `SELECT redo_lsn::text AS begin, pg_relation_filepath('written') AS path FROM pg_control_checkpoint()`,
    );
    const [{ begin, path } = { begin: '', path: '' }] = rows;
    await eventually(
      'the standby begins its replay behind them when it starts',
      async () => {
        await standby.query('CHECKPOINT');
        const answer = await standby.query<{ readonly behind: boolean }>(
          `SELECT redo_lsn >= '${begin}' AS behind FROM pg_control_checkpoint()`,
        );
        return answer.rows[0]?.behind;
      },
      waits,
    );
    return path;
  } finally {
    await Promise.all([primary.end(), standby.end()]);
  }
}
