import { join } from 'node:path';
import { peerConnection } from './configuration.ts';
import type { InstanceContext } from './context.ts';
import { poll } from './context.ts';
import { postgresErrors } from './errors.ts';
import type { RewindResult, SqlLine } from './instance.ts';
import { ownDatabase } from './instance.ts';
import { applicationNameOf } from './names.ts';
import { endOfProgram, saysDiskFull } from './program.ts';
import { removeProof } from './proof.ts';
import { prepareDataDirectory, writeServerFiles } from './server-files.ts';
import { refuseRunning, removeStaleLockFiles } from './server-process.ts';

const sourceEveryMs = 250;

/**
 * Runs pg_rewind against the peer. It is not atomic: killed in the middle it leaves a directory that starts and promotes, so the proof
 * is gone before it begins. Crash recovery comes first where it is needed, inside pg_rewind by a single-user server with our settings:
 * nobody can connect to it, and it must not be a standby.
 *
 * @param source  A line to the peer as the replication role.
 */
export async function rewindToPeer(context: InstanceContext, source: SqlLine, signal: AbortSignal): Promise<RewindResult> {
  const { settings, paths } = context;
  await refuseRunning(context);
  await sourceShowsTimeline(context, source, signal);
  await removeProof(paths.proof);
  await writeServerFiles(context, { gate: 'closed', follow: false, clients: 'closed' });
  await prepareDataDirectory(context, 'primary');
  await removeStaleLockFiles(context);
  const connection = peerConnection(settings, paths, {
    applicationName: `${applicationNameOf(settings.self.name)}_rewind`,
    database: ownDatabase,
    patience: 'bulk',
  });
  const args = ['-D', paths.data, `--source-server=${connection}`, `--config-file=${paths.configuration}`, '--progress'];
  const call = { file: join(settings.binaryDirectory, 'pg_rewind'), args, directory: paths.data, account: settings.account };
  const { exitCode, stderr, stdout } = await endOfProgram(call, signal);
  const said = `${stdout}\n${stderr}`;
  if (saysDiskFull(said)) throw postgresErrors.HK_POSTGRES_DISK_FULL(`pg_rewind: ${lastLines(said)}`);
  if (exitCode !== 0) return { did: 'failed', why: lastLines(said) };
  await writeServerFiles(context, { gate: 'closed', follow: true, clients: 'closed' });
  await prepareDataDirectory(context, 'standby');
  return said.includes('no rewind required') ? { did: 'nothing', why: lastLines(said) } : { did: 'rewound' };
}

/**
 * pg_rewind reads the source's timeline from its last checkpoint. Until the checkpoint that follows a promotion has ended it would find
 * the old one there and say that nothing is to do, so that is waited for.
 */
async function sourceShowsTimeline({ ports }: InstanceContext, source: SqlLine, signal: AbortSignal): Promise<void> {
  const shown = async (): Promise<true | undefined> => {
    const { rows } = await source.query(
      `SELECT timeline_id = ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS shown FROM pg_control_checkpoint()`,
      [],
      signal,
    );
    return rows[0]?.['shown'] === 't' ? true : undefined;
  };
  await poll(shown, sourceEveryMs, ports, signal);
}

function lastLines(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '' && !/^\s*\d+\/\d+ kB/.test(line));
  return lines.slice(-5).join('; ');
}
