import { postgresErrors } from './errors.ts';

/** A write-ahead log position: bytes since the beginning of the cluster's log. Comparable with < and >. */
export type Lsn = bigint;

/** PostgreSQL's text form of a position. */
export const lsnPattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/**
 * Reads PostgreSQL's text form, two hexadecimal halves such as `16/B374D848`.
 *
 * @throws HK_POSTGRES_SQL
 */
export function parseLsn(text: string): Lsn {
  const match = lsnPattern.exec(text);
  if (match === null) throw postgresErrors.HK_POSTGRES_SQL(`${JSON.stringify(text.slice(0, 40))} is not a log position`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** PostgreSQL's text form; the reverse of `parseLsn`. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

/** The greater of two positions. */
export function laterLsn(one: Lsn, other: Lsn): Lsn {
  return one > other ? one : other;
}
