import { codeOf, messageOf } from '#lib/base/errors.ts';
import { Fields } from '#lib/base/fields.ts';
import { checkRecord, pairModes, recordErrors, recordFormat } from '#lib/pair/pair-record.ts';
import type { LogPlace, MemberName, PairRecord } from '#lib/pair/pair-record.ts';
import { formatLsn, lsnPattern, parseLsn } from '#lib/postgres/lsn.ts';

/** What stands beside the record in etcd. */
export interface RecordAttributes {
  /** UID of the pair: the record of one pair, copied to the key of another, is not believed. */
  readonly pair: string;
  /** Different for every request ever made, so that a copy of it is known again. */
  readonly request: string;
  /** RFC 3339, by the author's clock, for people. */
  readonly changedAt: string;
}

const reasonMax = 512;
const markPattern = /^[0-9a-f]{1,32}$/;
const markShape = 'a mark of at most 32 hexadecimal digits';
const bytesMax = 16_384;

/** The record as it will be read again: people's words have a limit. */
export function storable(record: PairRecord): PairRecord {
  return { ...record, reason: record.reason.slice(0, reasonMax) || '-' };
}

/** The value of the key: JSON, so that a person can read it with etcd's own tools. */
export function formatRecord(record: PairRecord, attributes: RecordAttributes): Buffer {
  const { acknowledged, ...rest } = record;
  return Buffer.from(
    JSON.stringify({
      ...rest,
      ...(acknowledged === undefined ? {} : { acknowledged: { ...acknowledged, lsn: formatLsn(acknowledged.lsn) } }),
      ...attributes,
    }),
  );
}

/** Reads the value of the key. @throws HK_RECORD_INVALID with every problem */
export function parseRecord(value: Buffer, pair: string, members: readonly [MemberName, MemberName]): PairRecord {
  if (value.length > bytesMax) throw recordErrors.HK_RECORD_INVALID(`it has ${value.length} bytes, more than ${bytesMax}`);
  let raw: unknown;
  try {
    raw = JSON.parse(value.toString('utf8'));
  } catch {
    throw recordErrors.HK_RECORD_INVALID('it is no JSON');
  }
  const field = new Fields(raw, 'record');
  const whole = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;
  const formatVersion = field.wholeNumber('formatVersion', { ...whole, min: 1 });
  // What a newer format has besides is not ours to judge.
  if (formatVersion > recordFormat)
    throw recordErrors.HK_RECORD_INVALID(`format ${formatVersion} is newer than this agent's ${recordFormat}`);
  const record: PairRecord = {
    formatVersion,
    sequence: field.wholeNumber('sequence', whole),
    mode: field.oneOf('mode', pairModes),
    primary: field.optionalText('primary'),
    epoch: field.wholeNumber('epoch', whole),
    systemIdentifier: field.optionalText('systemIdentifier', { pattern: /^[0-9]{1,20}$/, shape: 'a number of at most 20 digits' }),
    acknowledged: field.has('acknowledged') ? placeOf(field.group('acknowledged')) : undefined,
    marks: field.has('marks') ? marksOf(field.group('marks'), members) : undefined,
    reason: field.text('reason'),
    author: field.text('author'),
  };
  const owner = field.text('pair');
  field.text('request');
  field.text('changedAt');
  if (owner !== pair) field.problem('pair', `must be ${pair}: this is the record of another pair`);
  const problems = [...field.problems(), ...checked(record, members)];
  if (problems.length > 0) throw recordErrors.HK_RECORD_INVALID(problems.join('; '));
  return record;
}

function marksOf(field: Fields, members: readonly [MemberName, MemberName]): NonNullable<PairRecord['marks']> {
  return Object.fromEntries(
    members.flatMap((name) => (field.has(name) ? [[name, field.text(name, { pattern: markPattern, shape: markShape })]] : [])),
  );
}

function placeOf(field: Fields): LogPlace {
  const timeline = field.wholeNumber('timeline', { min: 1, max: 0xffff_ffff });
  const lsn = field.text('lsn', { pattern: lsnPattern, shape: 'a log position such as 16/B374D848', fallback: '0/0' });
  return { timeline, lsn: parseLsn(lsn) };
}

function checked(record: PairRecord, members: readonly [MemberName, MemberName]): readonly string[] {
  try {
    checkRecord(record, members);
    return [];
  } catch (error) {
    if (codeOf(error) !== 'HK_RECORD_INVALID') throw error;
    return [messageOf(error)];
  }
}
