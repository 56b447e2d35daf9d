import { join } from 'node:path';
import { peerConnection } from './configuration.ts';
import type { InstanceContext } from './context.ts';
import { discardData, finish, makeUnfinished } from './data-directory.ts';
import { postgresErrors } from './errors.ts';
import type { CopyProgress, SqlLine } from './instance.ts';
import { applicationNameOf } from './names.ts';
import { runProgram } from './program.ts';
import { removeProof } from './proof.ts';
import { prepareDataDirectory, prepareDirectories, writeTls } from './server-files.ts';
import { refuseRunning } from './server-process.ts';

/**
 * Copies the peer into an unfinished directory and moves it to its place when it is whole and flushed. The old data go first: there may
 * not be room for both, and the caller has settled that the peer alone leads. The log meanwhile written is streamed through the slot
 * that the peer keeps for us, so nothing is missing when streaming begins.
 */
export async function copyPeer(context: InstanceContext, progress: (seen: CopyProgress) => void, signal: AbortSignal): Promise<void> {
  const { settings, paths } = context;
  await refuseRunning(context);
  await prepareDirectories(context);
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

/** The major version of the peer, whose data only the same version reads; undefined when it does not tell. */
export async function majorOfPeer(source: SqlLine, signal: AbortSignal): Promise<number | undefined> {
  const answer = await source.query(`SELECT current_setting('server_version_num') AS number`, [], signal).catch(() => undefined);
  const number = Number(answer?.rows[0]?.['number']);
  return Number.isInteger(number) ? Math.floor(number / 10_000) : undefined;
}

/**
 * A copy puts a tablespace where the peer has it, and only into an empty place: the first would succeed and every later one would delete
 * the old data and fail. So none is begun. A peer that does not tell is no reason either way.
 *
 * @throws HK_POSTGRES_DATA
 */
export async function refuseTablespaces(source: SqlLine, signal: AbortSignal): Promise<void> {
  const query = `SELECT spcname AS name FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1`;
  const answer = await source.query(query, [], signal).catch(() => undefined);
  const names = (answer?.rows ?? []).flatMap(({ name }) => name ?? []);
  if (names.length > 0)
    throw postgresErrors.HK_POSTGRES_DATA(
      `the primary has tablespaces, which cannot be copied (${names.join(', ')}): move what is in them to pg_default, and drop them`,
    );
}

/** The last percentage in a piece of pg_basebackup's progress, such as `12345/67890 kB (18%), 0/1 tablespace`; at most 100. */
export function parseProgress(piece: string): number | undefined {
  const match = [...piece.matchAll(/\((\d{1,3})%\)/g)].at(-1);
  return match === undefined ? undefined : Math.min(Number(match[1]), 100);
}
