import { stat } from 'node:fs/promises';
import type { ConfigurationChoice } from './configuration.ts';
import { readChoice, renderConfiguration, renderHostAccess, renderIdentMap } from './configuration.ts';
import type { InstanceContext } from './context.ts';
import { ensureDirectory, readIfPresent, removeDurably, writeAtomically, writeDurably } from './durable-file.ts';
import { postgresErrors } from './errors.ts';
import type { StartAs, TlsMaterial } from './instance.ts';
import { memberCommonName } from './instance.ts';

/** Makes our directories. As root they stay ours and PostgreSQL's group may enter; the socket's directory belongs to PostgreSQL. */
export async function prepareDirectories({ settings, paths }: InstanceContext): Promise<void> {
  const owner = settings.account;
  const group = owner === undefined ? undefined : { uid: 0, gid: owner.gid };
  await ensureDirectory(paths.state, { mode: 0o750, owner: group });
  await ensureDirectory(paths.tlsDirectory, { mode: 0o750, owner: group });
  await ensureDirectory(paths.socketDirectory, { mode: 0o750, owner });
  const [state, home, data] = await Promise.all([
    stat(paths.state),
    ...[paths.home, paths.data].map((path) => stat(path).catch(() => undefined)),
  ]);
  if (home === undefined) throw postgresErrors.HK_POSTGRES_DATA(`${paths.home} does not exist: make it, or choose another data directory`);
  if (data !== undefined && data.dev !== home.dev)
    throw postgresErrors.HK_POSTGRES_DATA(`${paths.data} is a mount point, which no rename can replace: choose a directory inside it`);
  if (state.dev !== home.dev)
    throw postgresErrors.HK_POSTGRES_DATA(
      `${paths.state} and ${paths.home} are on different file systems: a swapped disk would leave its proof of completeness behind`,
    );
}

/** Everything the server reads, written anew. */
export async function writeServerFiles(context: InstanceContext, choice: ConfigurationChoice): Promise<void> {
  const { settings, paths } = context;
  await prepareDirectories(context);
  const access = readableByServer(context);
  await writeTls(context, settings.tls);
  await writeDurably(paths.identMap, renderIdentMap(settings, memberCommonName), access);
  await writeChoice(context, choice);
}

/** pg_hba.conf first: what postgresql.conf says of it must be true by the time anyone reads it. */
export async function writeChoice(context: InstanceContext, choice: ConfigurationChoice): Promise<void> {
  const { settings, paths } = context;
  const access = readableByServer(context);
  await writeIfChanged(paths.hostAccess, renderHostAccess(settings, choice.clients), access);
  await writeIfChanged(paths.configuration, renderConfiguration(settings, paths, choice), access);
}

/**
 * Empties a postgresql.auto.conf that a person wrote into while the server ran: with the next reload its values would win over ours, the
 * gate among them. Asked before each reload of ours.
 */
export async function emptyAutoConfiguration({ settings, paths, ports }: InstanceContext): Promise<void> {
  const text = await readIfPresent(paths.autoConfiguration);
  if (text === undefined || text === '') return;
  // The names only: a connection string may hold a password.
  const names = [...text.matchAll(/^\s*([\w.]+)/gm)].map((match) => match[1]).join(', ');
  ports.log.warn({ settings: names }, 'postgresql.auto.conf was written into by hand and is emptied: change settings in the pair instead');
  await writeDurably(paths.autoConfiguration, '', { mode: 0o600, owner: settings.account });
}

/** A take-over waits for these writes, and most change one of the two files only. */
async function writeIfChanged(path: string, text: string, access: Parameters<typeof writeAtomically>[2]): Promise<void> {
  if ((await readIfPresent(path)) !== text) await writeAtomically(path, text, access);
}

/** The choice that the file holds; undefined when there is no file of ours. */
export async function readWrittenChoice({ settings, paths }: InstanceContext): Promise<ConfigurationChoice | undefined> {
  const text = await readIfPresent(paths.configuration);
  return text === undefined ? undefined : readChoice(text, settings);
}

/** Certificate and key in one file by one rename. The file belongs to PostgreSQL alone: server and libpq refuse a key that others may read. */
export async function writeTls({ settings, paths }: InstanceContext, tls: TlsMaterial): Promise<void> {
  const access = { mode: 0o600, owner: settings.account };
  await writeDurably(paths.tlsAuthority, tls.authority, access);
  await writeDurably(paths.tlsMember, `${tls.certificate.trimEnd()}\n${tls.key.reveal().trimEnd()}\n`, access);
}

/**
 * Signal files and an empty postgresql.auto.conf. A copy or a rewind brings the peer's, with whatever ALTER SYSTEM once wrote there,
 * and its values would win over ours.
 */
export async function prepareDataDirectory({ settings, paths }: InstanceContext, as: StartAs['as'], data = paths.data): Promise<void> {
  const access = { mode: 0o600, owner: settings.account };
  const place = (path: string): string => path.replace(paths.data, data);
  await writeDurably(place(paths.autoConfiguration), '', access);
  await removeDurably(place(paths.recoverySignal));
  if (as === 'standby') await writeDurably(place(paths.standbySignal), '', access);
  else await removeDurably(place(paths.standbySignal));
}

/**
 * Reads back what decides about acknowledgements, right before a start.
 *
 * @throws HK_POSTGRES_SETTINGS  when the gate on disk is not the one asked for, or postgresql.auto.conf is not empty.
 */
export async function checkBeforeStart(context: InstanceContext, choice: ConfigurationChoice): Promise<void> {
  const { paths } = context;
  const written = await readWrittenChoice(context);
  if (written?.gate !== choice.gate || written.follow !== choice.follow || written.clients !== choice.clients)
    throw postgresErrors.HK_POSTGRES_SETTINGS(`${paths.configuration} does not hold the gate ${choice.gate}`);
  if ((await readIfPresent(paths.autoConfiguration)) !== '')
    throw postgresErrors.HK_POSTGRES_SETTINGS(`${paths.autoConfiguration} is not empty`);
}

function readableByServer({ settings }: InstanceContext): { mode: number; owner: { uid: number; gid: number } | undefined } {
  return { mode: 0o640, owner: settings.account === undefined ? undefined : { uid: 0, gid: settings.account.gid } };
}
