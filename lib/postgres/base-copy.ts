import { join } from 'node:path';
import { peerConnection } from './configuration.ts';
import type { InstanceContext } from './context.ts';
import { discardData, finish, makeUnfinished } from './data-directory.ts';
import { postgresErrors } from './errors.ts';
import type { CopyProgress, SqlLine } from './instance.ts';
import { applicationNameOf } from './names.ts';
import { runProgram } from './program.ts';
import { removeProof } from './proof.ts';
import { prepareDataDirectory, writeTls } from './server-files.ts';

/**
 * Copies the peer into an unfinished directory and moves it to its place when it is whole and flushed. The old data go first: there may
 * not be room for both, and the caller has settled that the peer alone leads. The log meanwhile written is streamed through the slot
 * that the peer keeps for us, so nothing is missing when streaming begins.
 */
export async function copyPeer(context: InstanceContext, progress: (seen: CopyProgress) => void, signal: AbortSignal): Promise<void> {
  const { settings, paths } = context;
  await removeProof(paths.proof);
  await writeTls(context, settings.tls);
  await discardData(context, signal);
  const directory = await makeUnfinished(context, signal);
  const slot = applicationNameOf(settings.self.name);
  const connection = peerConnection(settings, paths, { applicationName: `${slot}_copy`, patience: 'bulk' });
  const args = ['-D', directory, '-d', connection, '-X', 'stream', '-S', slot, '--checkpoint=fast', '--no-password', '--progress'];
  let last = -1;
  const onStderr = (piece: string): void => {
    const percent = parseProgress(piece);
    if (percent === undefined || percent <= last) return;
    last = percent;
    progress({ percent });
  };
  await runProgram({ file: join(settings.binaryDirectory, 'pg_basebackup'), args, directory, account: settings.account, onStderr }, signal);
  await prepareDataDirectory(context, 'standby', directory);
  await finish(context, directory);
}

/** pg_basebackup takes one for the data and one for the log (PostgreSQL, pg_basebackup, `--wal-method=stream`). */
const walSendersOfCopy = 2;

/**
 * Asks the peer, before the own data go, whether a copy can be made of it: what cannot be asked cannot be copied either, and the old data
 * may be the only other ones there are.
 *
 * @returns The peer's major version: only the same one reads its data.
 * @throws HK_POSTGRES_UNREACHABLE  when it does not answer, or its slot or its walsenders are taken: later they may be free.
 * @throws HK_POSTGRES_DATA  when it has tablespaces: a copy puts one where the peer has it, and only into an empty place, so the first copy
 *   would succeed and every later one would delete the old data and fail.
 */
export async function checkSource(source: SqlLine, slot: string, signal: AbortSignal): Promise<number> {
  const { rows } = await source.query(sourceQuery, [slot], signal);
  const { version, tablespaces, slots, holder, free } = rows[0] ?? {};
  if (typeof tablespaces === 'string')
    throw postgresErrors.HK_POSTGRES_DATA(
      `the primary has tablespaces, which cannot be copied (${tablespaces}): move what is in them to pg_default, and drop them`,
    );
  if (Number(slots) === 0)
    throw postgresErrors.HK_POSTGRES_UNREACHABLE(`the primary has no slot ${slot} yet, from which the log is copied`);
  if (typeof holder === 'string')
    throw postgresErrors.HK_POSTGRES_UNREACHABLE(`the slot ${slot} of the primary is still held by its process ${holder}`);
  if (Number(free) < walSendersOfCopy)
    throw postgresErrors.HK_POSTGRES_UNREACHABLE(`the primary has ${free ?? 'no'} walsenders left, and a copy takes ${walSendersOfCopy}`);
  return Math.floor(Number(version) / 10_000);
}

const sourceQuery = `SELECT current_setting('server_version_num') AS version,
  (SELECT string_agg(spcname, ', ' ORDER BY spcname) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS tablespaces,
  (SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1)::text AS slots,
  (SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = $1) AS holder,
  (current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication))::text AS free`;

/** The last percentage in a piece of pg_basebackup's progress, such as `12345/67890 kB (18%), 0/1 tablespace`; at most 100. */
export function parseProgress(piece: string): number | undefined {
  const match = [...piece.matchAll(/\((\d{1,3})%\)/g)].at(-1);
  return match === undefined ? undefined : Math.min(Number(match[1]), 100);
}
