import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { hallErrors } from '../errors.ts';

const folder = path.resolve(import.meta.dirname, '../sql');

/** One SQL statement from `hall/sql/<name>.sql`, read once. */
export function statement(name: string): string {
  const known = statements.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(path.join(folder, `${name}.sql`), 'utf8').trim();
  statements.set(name, text);
  return text;
}

const statements = new Map<string, string>();

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}

/**
 * The migrations in order, from `hall/sql/migrations/NNNN-name.sql`: numbered from 1 without a gap, never changed once released.
 *
 * @throws HK_LEDGER_MIGRATION  when the folder holds anything else.
 */
export function listMigrations(): readonly Migration[] {
  const files = readdirSync(path.join(folder, 'migrations')).sort();
  return orderMigrations(files).map((migration, index) => ({
    ...migration,
    text: readFileSync(path.join(folder, 'migrations', files[index] ?? ''), 'utf8').trim(),
  }));
}

/** Numbers and names of sorted file names. @throws HK_LEDGER_MIGRATION */
export function orderMigrations(files: readonly string[]): readonly Omit<Migration, 'text'>[] {
  return files.map((file, index) => {
    const [, digits, name] = /^([0-9]{4})-([-a-z0-9]+)\.sql$/.exec(file) ?? [];
    const number = index + 1;
    if (name === undefined || Number(digits) !== number) {
      const wanted = `${String(number).padStart(4, '0')}-name.sql`;
      throw hallErrors.HK_LEDGER_MIGRATION(`hall/sql/migrations holds ${file} where ${wanted} is expected`);
    }
    return { number, name };
  });
}
