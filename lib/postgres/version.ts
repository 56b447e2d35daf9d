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
  const lowest = lowestMinors[major] ?? 0;
  if (minor >= lowest) return undefined;
  return `version ${major}.${minor} can acknowledge a commit at start-up without the standby: install ${major}.${lowest} or newer`;
}
