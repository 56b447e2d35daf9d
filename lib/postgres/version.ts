import { postgresErrors } from './errors.ts';

export interface PostgresVersion {
  readonly major: number;
  readonly minor: number;
}

/**
 * Lowest minor of each major. Before them a commit at start-up could pass without waiting for the standby until the checkpointer
 * had read `synchronous_standby_names`.
 */
const lowestMinors: Readonly<Record<number, number>> = { 15: 13, 16: 9, 17: 5 };

const majorMin = 15;
/** The newest that this version was written for; what a later one changes about commits nobody has looked at. */
const majorMax = 18;

/**
 * Reads `postgres (PostgreSQL) 15.18 (Debian …)`.
 *
 * @throws HK_POSTGRES_BINARIES
 */
export function parseVersion(text: string): PostgresVersion {
  const match = /\(PostgreSQL\) (\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) throw postgresErrors.HK_POSTGRES_BINARIES(`no version in ${JSON.stringify(text.slice(0, 100))}`);
  return { major: Number(match[1]), minor: Number(match[2] ?? 0) };
}

/** What is wrong with a version and what to install, or undefined when it will do. */
export function refuseVersion({ major, minor }: PostgresVersion): string | undefined {
  if (major < majorMin) return `version ${major}.${minor} is too old: install PostgreSQL 15.13, 16.9, 17.5 or newer`;
  if (major > majorMax)
    return `version ${major}.${minor} is newer than this program knows: install PostgreSQL ${majorMax}, or a newer Hallkeeper`;
  const lowest = lowestMinors[major] ?? 0;
  if (minor >= lowest) return undefined;
  return `version ${major}.${minor} can acknowledge a commit at start-up without the standby: install ${major}.${lowest} or newer`;
}

/** What is wrong with programs of this version for data of another, or undefined: only the same major version reads them. */
export function refuseMajor(version: PostgresVersion, ofData: number | undefined): string | undefined {
  if (ofData === undefined || ofData === version.major) return undefined;
  return `version ${version.major}.${version.minor} cannot read the data here, which version ${ofData} wrote: install PostgreSQL ${ofData}`;
}
