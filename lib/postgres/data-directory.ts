import { chmod, chown, mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { InstanceContext } from './context.ts';
import { parseControlData } from './control-data.ts';
import { readIfPresent, syncDirectory, writeDurably } from './durable-file.ts';
import { postgresErrors } from './errors.ts';
import type { ControlData, DataFacts, DiskSpace } from './instance.ts';
import { builtInRoles } from './instance.ts';
import { isUnfinished, unfinishedName } from './paths.ts';
import { processesOf } from './process-table.ts';
import { runProgram } from './program.ts';
import { prepareDirectories } from './server-files.ts';
import { sendSignal } from './server-process.ts';

export async function inspectData(context: InstanceContext, signal: AbortSignal): Promise<DataFacts> {
  const { paths } = context;
  const names = await readdir(paths.data).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  if (names.every((name) => name === 'lost+found')) return { holds: 'nothing' };
  const version = (await readIfPresent(join(paths.data, 'PG_VERSION')))?.trim();
  if (version === undefined || !/^\d+$/.test(version)) return { holds: 'foreign', why: `${paths.data} is not empty and has no PG_VERSION` };
  try {
    return { holds: 'cluster', control: await readControlData(context, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { holds: 'foreign', why: messageOf(error) };
  }
}

export async function readControlData({ settings, paths }: InstanceContext, signal: AbortSignal): Promise<ControlData> {
  const majorVersion = Number((await readIfPresent(join(paths.data, 'PG_VERSION')))?.trim());
  const call = {
    file: join(settings.binaryDirectory, 'pg_controldata'),
    args: ['-D', paths.data],
    directory: '/',
    account: settings.account,
  };
  const { stdout, stderr } = await runProgram(call, signal);
  return parseControlData(`${stderr}\n${stdout}`, majorVersion);
}

/**
 * Makes a new cluster beside its place and moves it there when it is complete and flushed. Locale C: both members sort alike whatever
 * their C libraries think, and a library update cannot break an index.
 */
export async function initialiseData(context: InstanceContext, signal: AbortSignal): Promise<ControlData> {
  const { settings, paths } = context;
  const facts = await inspectData(context, signal);
  if (facts.holds !== 'nothing') throw postgresErrors.HK_POSTGRES_DATA(`${paths.data} is not empty: nothing is initialised over it`);
  await prepareDirectories(context);
  const directory = await makeUnfinished(context, signal);
  const args = ['-D', directory, '-U', builtInRoles.agent, '--encoding=UTF8', '--locale=C', '--data-checksums', '--auth=reject'];
  await runProgram({ file: join(settings.binaryDirectory, 'initdb'), args, directory, account: settings.account }, signal);
  await writeDurably(join(directory, 'postgresql.auto.conf'), '', { mode: 0o600, owner: settings.account });
  await finish(context, directory);
  return await readControlData(context, signal);
}

/** An empty directory beside the data directory, the server's own. What an earlier attempt left, processes included, is removed first. */
export async function makeUnfinished(context: InstanceContext, signal: AbortSignal): Promise<string> {
  const { settings, paths, ports } = context;
  await removeUnfinished(context, signal);
  const directory = unfinishedName(paths.data, ports.random.below(2 ** 32));
  await mkdir(directory, { mode: 0o700 });
  if (settings.account !== undefined) await chown(directory, settings.account.uid, settings.account.gid);
  return directory;
}

/** Ends what still works on directories that never got whole, such as the copy of an agent that was killed, and removes them. */
export async function removeUnfinished({ paths }: InstanceContext, signal: AbortSignal): Promise<void> {
  for (const name of await readdir(paths.home)) {
    if (!isUnfinished(paths.data, name)) continue;
    const directory = join(paths.home, name);
    for (const { pid } of await processesOf(directory)) sendSignal(pid, 'SIGKILL');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    signal.throwIfAborted();
  }
}

/** Moves a complete directory to its place. What stood there must be gone or empty. */
export async function finish({ paths }: InstanceContext, directory: string): Promise<void> {
  await chmod(directory, 0o700);
  await syncDirectory(directory);
  await rename(directory, paths.data);
  await syncDirectory(paths.home);
}

/** Moves the old data out of their place first, so that a half-removed directory is never taken for a cluster, and removes them there. */
export async function discardData(context: InstanceContext, signal: AbortSignal): Promise<void> {
  const { paths, ports } = context;
  try {
    await rename(paths.data, unfinishedName(paths.data, ports.random.below(2 ** 32)));
    await syncDirectory(paths.home);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  await removeUnfinished(context, signal);
}

/** Size of the kept log, in bytes. */
export async function logBytesOf({ paths }: InstanceContext): Promise<number> {
  const folder = join(paths.data, 'pg_wal');
  const segments = (await readdir(folder)).filter((name) => /^[0-9A-F]{24}$/.test(name));
  const sizes = await Promise.all(segments.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Space of the data directory's file system. */
export async function diskSpaceOf({ paths }: InstanceContext): Promise<DiskSpace> {
  const facts = await statfs(paths.data).catch(() => statfs(paths.home));
  return { totalBytes: facts.blocks * facts.bsize, freeBytes: facts.bavail * facts.bsize };
}
