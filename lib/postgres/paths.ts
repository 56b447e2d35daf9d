import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '#lib/base/errors.ts';
import { postgresErrors } from './errors.ts';

/** Where the files of an instance are. Everything but `data` is ours and stands outside the data directory. */
export interface InstancePaths {
  readonly state: string;
  readonly data: string;
  /** The directory that holds the data directory; temporary copies live there too, so that a rename completes them. */
  readonly home: string;
  readonly configuration: string;
  readonly hostAccess: string;
  readonly identMap: string;
  readonly tlsDirectory: string;
  /** Certificate and key in one file, so that one rename replaces both. */
  readonly tlsMember: string;
  readonly tlsAuthority: string;
  readonly socketDirectory: string;
  readonly proof: string;
  readonly lock: string;
  readonly log: string;
  readonly autoConfiguration: string;
  readonly standbySignal: string;
  readonly recoverySignal: string;
  readonly promoteSignal: string;
  readonly postmasterPid: string;
}

/**
 * The path as the kernel names it. Running servers are told apart by their working directory, which is always without symbolic links.
 * What does not exist yet, such as the data of a member that was never started, is left as it is below what does.
 */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT' || dirname(path) === path)
      throw postgresErrors.HK_POSTGRES_SETTINGS(`${path} cannot be looked up: let the agent pass through its directories`, { cause });
    return join(realPath(dirname(path)), basename(path));
  }
}

/**
 * These settings with the real paths of both directories. Looked up once: whoever moves a directory starts the agent again.
 *
 * @throws HK_POSTGRES_SETTINGS  when a path leads through what is no directory, or one that we may not enter.
 */
export function withRealPaths<T extends { readonly stateDirectory: string; readonly dataDirectory: string }>(settings: T): T {
  return { ...settings, stateDirectory: realPath(settings.stateDirectory), dataDirectory: realPath(settings.dataDirectory) };
}

export function pathsOf({ stateDirectory: state, dataDirectory: data }: { stateDirectory: string; dataDirectory: string }): InstancePaths {
  return {
    state,
    data,
    home: dirname(data),
    configuration: join(state, 'postgresql.conf'),
    hostAccess: join(state, 'pg_hba.conf'),
    identMap: join(state, 'pg_ident.conf'),
    tlsDirectory: join(state, 'tls'),
    tlsMember: join(state, 'tls', 'member.pem'),
    tlsAuthority: join(state, 'tls', 'authority.pem'),
    socketDirectory: join(state, 'socket'),
    proof: join(state, 'proof'),
    lock: join(state, 'lock'),
    log: join(state, 'postgresql.log'),
    autoConfiguration: join(data, 'postgresql.auto.conf'),
    standbySignal: join(data, 'standby.signal'),
    recoverySignal: join(data, 'recovery.signal'),
    promoteSignal: join(data, 'promote'),
    postmasterPid: join(data, 'postmaster.pid'),
  };
}

/** Unfinished data directories carry this suffix and a number; whatever has it is left over and may be removed. */
export function unfinishedName(data: string, number: number): string {
  return `${data}.unfinished-${number}`;
}

export function isUnfinished(data: string, name: string): boolean {
  return name.startsWith(`${basename(data)}.unfinished-`);
}
