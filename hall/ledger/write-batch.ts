import type { LedgerSession } from './ledger-session.ts';
import type { NumberedItem, RosterItem, TransitionItem } from './ledger-items.ts';

export interface Batch {
  readonly items: readonly NumberedItem[];
  /** The observer row that this commit extends; undefined when items are left for the next batch. */
  readonly observer: { readonly fromMs: number; readonly toMs: number } | undefined;
}

interface Writer {
  readonly epoch: bigint;
  readonly member: string;
}

/**
 * Writes one batch in one transaction. Repeating it after a commit in doubt changes nothing, but it does write (the feed's row), so
 * that its answer waits for the standby too.
 *
 * @throws HK_LEDGER_FALSE_ACK, HK_LEDGER_AWAY, HK_LEDGER_REFUSED
 */
export async function writeBatch(session: LedgerSession, batch: Batch, writer: Writer, signal: AbortSignal): Promise<void> {
  await session.transaction(async () => {
    const number = batch.items.at(-1)?.changes.at(-1)?.number ?? 0n;
    await session.query('write-feed', [String(number)], signal);
    for (const run of runsOf(batch.items)) {
      if (run.kind === 'roster') await writeRoster(session, run.item, signal);
      else await writeTransitions(session, run.rows, writer, signal);
    }
    const { observer } = batch;
    if (observer !== undefined) {
      await session.query('write-observer', [String(writer.epoch), observer.fromMs, observer.toMs, writer.member], signal);
    }
  }, signal);
}

type NumberedTransition = TransitionItem & { readonly number: bigint };
type Run = { readonly kind: 'transitions'; readonly rows: NumberedTransition[] } | { readonly kind: 'roster'; readonly item: RosterItem };

/** Transitions that follow each other are written by one statement; a roster between them keeps its place. */
function runsOf(items: readonly NumberedItem[]): readonly Run[] {
  const runs: Run[] = [];
  for (const { item, changes } of items) {
    if (item.kind === 'roster') {
      runs.push({ kind: 'roster', item });
      continue;
    }
    const last = runs.at(-1);
    const row = { ...item, number: changes[0]?.number ?? 0n };
    if (last?.kind === 'transitions') last.rows.push(row);
    else runs.push({ kind: 'transitions', rows: [row] });
  }
  return runs;
}

async function writeTransitions(
  session: LedgerSession,
  rows: readonly NumberedTransition[],
  { epoch, member }: Writer,
  signal: AbortSignal,
): Promise<void> {
  const columns = [
    rows.map(({ number }) => String(number)),
    rows.map(({ terminal }) => terminal),
    rows.map(({ from }) => from),
    rows.map(({ to }) => to),
    rows.map(({ atMs }) => atMs),
    rows.map(({ decidedAtMs }) => decidedAtMs),
    rows.map(({ why }) => why),
  ];
  await session.query('write-transitions', [...columns, String(epoch), member], signal);
  // One statement may touch a row once: of several transitions of a terminal the last one is where it stands now.
  const now = [...new Map(rows.map((row) => [row.terminal, row])).values()];
  const states = [
    now.map(({ terminal }) => terminal),
    now.map(({ to }) => to),
    now.map(({ atMs }) => atMs),
    now.map(({ why }) => why),
    now.map(({ hangs }) => hangs),
  ];
  await session.query('write-states', states, signal);
  const credited = rows.filter(({ from }) => from !== 'unknown');
  const totals = [...new Map(credited.map((row) => [`${row.terminal} ${row.from}`, row])).values()];
  if (totals.length === 0) return;
  const sums = [totals.map(({ terminal }) => terminal), totals.map(({ from }) => from), totals.map(({ fromTotalMs }) => fromTotalMs)];
  await session.query('write-totals', sums, signal);
}

async function writeRoster(session: LedgerSession, { hall, change }: RosterItem, signal: AbortSignal): Promise<void> {
  const { next, put, removed } = change;
  // Where a terminal that left stands, with its hangs, is kept like its totals: it counts on should it come back.
  if (removed.length > 0) await session.query('remove-terminals', [removed], signal);
  if (put.length > 0) {
    const columns = [
      put.map(({ name }) => name),
      put.map(({ model }) => model),
      put.map(({ zone }) => zone),
      put.map(({ seat }) => seat),
      put.map(({ serialNumber }) => serialNumber),
      put.map(({ suspended }) => suspended),
      put.map(({ suspendReason }) => suspendReason),
      put.map(({ suspendUntilMs }) => suspendUntilMs ?? null),
      put.map(({ heartbeat }) => JSON.stringify(heartbeat)),
    ];
    await session.query('write-terminals', columns, signal);
  }
  await session.query('write-roster', [hall, next.revision, JSON.stringify(next.heartbeat)], signal);
}
