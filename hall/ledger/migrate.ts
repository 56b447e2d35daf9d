import { createHash } from 'node:crypto';
import { hallErrors } from '../errors.ts';
import type { LedgerSession } from './ledger-session.ts';
import { listMigrations } from './statements.ts';
import type { Migration } from './statements.ts';

/**
 * For one migration. A table that has grown for years takes its time to change, and nobody leads until it is done; the limits of an
 * ordinary statement would end it again and again, for ever. PostgreSQL has the same limit, so that a statement whose caller is gone
 * ends too.
 */
const migrationMaxMs = 15 * 60_000;

/**
 * Brings the schema `ledger` up to date, in one transaction under a lock: of two that try at once the second finds nothing to do. The
 * role needs the right to create in the database only while the schema is missing.
 *
 * @param known  Migrations of this program, in order.
 * @returns how many migrations were applied.
 * @throws HK_LEDGER_MIGRATION  when an applied one differs from ours, or the ledger has newer ones than we know.
 * @throws HK_LEDGER_AWAY
 */
export async function migrate(session: LedgerSession, signal: AbortSignal, known = listMigrations()): Promise<number> {
  return session.transaction(async () => {
    await session.query('lock-migrations', [], signal);
    const [schema] = await session.query('find-schema', [], signal);
    if (schema?.['found'] !== 1) await session.query('create-schema', [], signal);
    await session.query('create-migration-table', [], signal);
    const applied = await session.query('list-migrations', [], signal);
    checkApplied(applied, known);
    const missing = known.slice(applied.length);
    if (missing.length > 0) await session.execute(`set local statement_timeout = ${migrationMaxMs}`, signal);
    for (const migration of missing) {
      await session.execute(migration.text, signal, migrationMaxMs);
      await session.query('record-migration', [migration.number, migration.name, sha256(migration.text)], signal);
    }
    return missing.length;
  }, signal);
}

function checkApplied(applied: readonly Readonly<Record<string, unknown>>[], known: readonly Migration[]): void {
  const problems = applied.flatMap((row, index) => {
    const ours = known[index];
    if (ours === undefined) return [`migration ${String(row['number'])} is newer than this program`];
    const isOurs = row['number'] === ours.number && row['sha256'] === sha256(ours.text);
    return isOurs ? [] : [`migration ${ours.number} was applied with another content`];
  });
  if (problems.length > 0) throw hallErrors.HK_LEDGER_MIGRATION(problems.join('; '));
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
