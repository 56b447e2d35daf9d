import { access, constants, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfPresent } from './durable-file.ts';
import { postgresErrors } from './errors.ts';
import { runProgram } from './program.ts';
import type { PostgresVersion } from './version.ts';
import { parseVersion, refuseMajor, refuseVersion } from './version.ts';

/** The programs of PostgreSQL that an instance needs; all from one directory. */
const neededBinaries = ['postgres', 'initdb', 'pg_controldata', 'pg_basebackup', 'pg_rewind', 'pg_waldump'] as const;

export interface Binaries {
  readonly directory: string;
  readonly version: PostgresVersion;
}

/** Where distributions put server programs: one folder per major version below these, highest version first. */
const versionedHomes = ['/usr/lib/postgresql', '/usr/local/lib/postgresql'] as const;
const plainHomes = [
  '/usr/local/bin',
  '/usr/bin',
  '/usr/local/pgsql/bin',
  '/usr/pgsql-18/bin',
  '/usr/pgsql-17/bin',
  '/usr/pgsql-16/bin',
  '/usr/pgsql-15/bin',
] as const;

/**
 * Checks one directory, or looks at the usual places for one that will do.
 *
 * @param directory  The only place to look at, or undefined for the usual ones.
 * @param major      Of the data that is there already; another refuses it. Undefined takes the highest.
 * @throws HK_POSTGRES_BINARIES  naming every place with what is wrong there.
 */
export async function findBinaries(
  directory: string | undefined,
  major: number | undefined,
  signal: AbortSignal,
  homes: readonly string[] = versionedHomes,
): Promise<Binaries> {
  const places = directory === undefined ? await usualPlaces(homes) : [directory];
  const problems: string[] = [];
  for (const place of places) {
    const missing = await missingBinaries(place);
    if (missing.length > 0) {
      if (directory !== undefined) problems.push(`${place} lacks ${missing.join(', ')}`);
      continue;
    }
    const version = await versionOf(place, signal);
    const refusal = refuseVersion(version) ?? refuseMajor(version, major);
    if (refusal === undefined) return { directory: place, version };
    problems.push(`${place}: ${refusal}`);
  }
  throw postgresErrors.HK_POSTGRES_BINARIES(
    problems.join('; ') || `none of ${places.join(', ')} holds ${neededBinaries.join(', ')}: install the PostgreSQL server package`,
  );
}

async function versionOf(directory: string, signal: AbortSignal): Promise<PostgresVersion> {
  const call = { file: join(directory, 'postgres'), args: ['--version'], directory: '/', account: undefined };
  return parseVersion((await runProgram(call, signal)).stdout);
}

/** Right before a start: a package that was replaced meanwhile may have brought another version. @throws HK_POSTGRES_BINARIES */
export async function refuseOtherMajor(directory: string, major: number, signal: AbortSignal): Promise<void> {
  const refusal = refuseMajor(await versionOf(directory, signal), major);
  if (refusal !== undefined) throw postgresErrors.HK_POSTGRES_BINARIES(`${directory}: ${refusal}`);
}

/** The major version of the data in a directory; undefined when there is none. */
export async function majorOfData(dataDirectory: string): Promise<number | undefined> {
  const text = (await readIfPresent(join(dataDirectory, 'PG_VERSION')))?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

async function usualPlaces(homes: readonly string[]): Promise<readonly string[]> {
  const versioned = await Promise.all(
    homes.map(async (home) => {
      const names = await readdir(home).catch(() => []);
      const majors = names.filter((name) => /^\d+$/.test(name)).toSorted((one, other) => Number(other) - Number(one));
      return majors.map((major) => join(home, major, 'bin'));
    }),
  );
  return [...versioned.flat(), ...plainHomes];
}

async function missingBinaries(directory: string): Promise<readonly string[]> {
  const found = await Promise.all(
    neededBinaries.map((name) =>
      access(join(directory, name), constants.X_OK).then(
        () => undefined,
        () => name,
      ),
    ),
  );
  return found.filter((name) => name !== undefined);
}
