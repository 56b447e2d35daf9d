import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

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

/** The migrations in order, from `hall/sql/migrations/NNNN-name.sql`: numbered from 1 without a gap, never changed once released. */
export function listMigrations(): readonly Migration[] {
  const files = readdirSync(path.join(folder, 'migrations')).sort();
  return files.map((file) => {
    const found = /^([0-9]{4})-([-a-z0-9]+)\.sql$/.exec(file);
    return {
      number: Number(found?.[1]),
      name: found?.[2] ?? file,
      text: readFileSync(path.join(folder, 'migrations', file), 'utf8').trim(),
    };
  });
}
