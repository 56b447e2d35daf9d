import { createHash } from 'node:crypto';
import { hallErrors } from '../errors.ts';
import type { LedgerSession } from './ledger-session.ts';
import { listMigrations } from './statements.ts';
import type { Migration } from './statements.ts';

/**
 * Brings the schema `ledger` up to date, in one transaction under a lock: of two that try at once the second finds nothing to do. The
 * role needs the right to create in the database only while the schema is missing.
 *
 * @returns how many migrations were applied.
 * @throws HK_LEDGER_MIGRATION  when an applied one differs from ours, or the ledger has newer ones than we know.
 * @throws HK_LEDGER_AWAY
 */
export async function migrate(session: LedgerSession, signal: AbortSignal): Promise<number> {
  const known = listMigrations();
  return session.transaction(async () => {
    await session.query('lock-migrations', [], signal);
    const [schema] = await session.query('find-schema', [], signal);
    if (schema?.['found'] !== 1) await session.query('create-schema', [], signal);
    await session.query('create-migration-table', [], signal);
    const applied = await session.query('list-migrations', [], signal);
    checkApplied(applied, known);
    const missing = known.slice(applied.length);
    for (const migration of missing) {
      await session.execute(migration.text, signal);
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
