import { join } from 'node:path';
import { peerConnection } from './configuration.ts';
import type { InstanceContext } from './context.ts';
import { postgresErrors } from './errors.ts';
import type { RewindResult } from './instance.ts';
import { ownDatabase } from './instance.ts';
import { applicationNameOf } from './names.ts';
import { endOfProgram, saysDiskFull } from './program.ts';
import { removeProof } from './proof.ts';
import { prepareDataDirectory, writeServerFiles } from './server-files.ts';
import { refuseRunning, removeStaleLockFiles } from './server-process.ts';

/**
 * Runs pg_rewind against the peer. It is not atomic: killed in the middle it leaves a directory that starts and promotes, so the proof
 * is gone before it begins. Crash recovery comes first where it is needed, inside pg_rewind by a single-user server with our settings:
 * nobody can connect to it, and it must not be a standby.
 */
export async function rewindToPeer(context: InstanceContext, signal: AbortSignal): Promise<RewindResult> {
  const { settings, paths } = context;
  await refuseRunning(context);
  await removeProof(paths.proof);
  await writeServerFiles(context, { gate: 'closed', follow: false, clients: 'closed' });
  await prepareDataDirectory(context, 'primary');
  await removeStaleLockFiles(context);
  const source = peerConnection(settings, paths, {
    applicationName: `${applicationNameOf(settings.self.name)}_rewind`,
    database: ownDatabase,
    patience: 'bulk',
  });
  const args = ['-D', paths.data, `--source-server=${source}`, `--config-file=${paths.configuration}`, '--progress'];
  const call = { file: join(settings.binaryDirectory, 'pg_rewind'), args, directory: paths.data, account: settings.account };
  const { exitCode, stderr, stdout } = await endOfProgram(call, signal);
  const said = `${stdout}\n${stderr}`;
  if (saysDiskFull(said)) throw postgresErrors.HK_POSTGRES_DISK_FULL(`pg_rewind: ${lastLines(said)}`);
  if (exitCode !== 0) return { did: 'failed', why: lastLines(said) };
  await writeServerFiles(context, { gate: 'closed', follow: true, clients: 'closed' });
  await prepareDataDirectory(context, 'standby');
  return said.includes('no rewind required') ? { did: 'nothing', why: lastLines(said) } : { did: 'rewound' };
}

function lastLines(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '' && !/^\s*\d+\/\d+ kB/.test(line));
  return lines.slice(-5).join('; ');
}
