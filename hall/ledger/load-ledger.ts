import { hallErrors } from '../errors.ts';
import { limitNames, limitRanges } from '../heartbeat-limits.ts';
import type { LimitOverrides } from '../heartbeat-limits.ts';
import { emptyRoster } from '../roster.ts';
import type { Roster, TerminalProfile } from '../roster.ts';
import { isTerminalState } from '../terminal-states.ts';
import type { TerminalState } from '../terminal-states.ts';
import { zeroTotals } from '../time-account.ts';
import type { StateTotals } from '../time-account.ts';
import type { LedgerSession, Row } from './ledger-session.ts';

export interface LoadedTerminal {
  readonly state: TerminalState;
  readonly sinceMs: number;
  readonly why: string;
  readonly hangs: number;
}

/** What a new leader finds. Times are the hall's. */
export interface LoadedLedger {
  readonly roster: Roster;
  readonly terminals: ReadonlyMap<string, LoadedTerminal>;
  readonly totals: ReadonlyMap<string, StateTotals>;
  readonly feedNumber: bigint;
  /** Highest epoch that ever observed; 0: none. */
  readonly epoch: bigint;
  /** End of the last observer row; undefined: nobody ever watched. */
  readonly observedToMs: number | undefined;
  /** The latest time of any transition or observer row. */
  readonly latestMs: number;
  /** What was found and is passed over, for the log. */
  readonly problems: readonly string[];
}

/**
 * Refuses to lead on a ledger that is not ours to write.
 *
 * @throws HK_LEDGER_STANDBY   while PostgreSQL is in recovery: try again.
 * @throws HK_LEDGER_SETTINGS  when `synchronous_commit` is lowered: an acknowledged row could be lost.
 */
export async function checkStanding(session: LedgerSession, signal: AbortSignal): Promise<void> {
  const [row] = await session.query('read-standing', [], signal);
  if (row?.['in_recovery'] !== false) throw hallErrors.HK_LEDGER_STANDBY();
  const commit = String(row['synchronous_commit']);
  if (commit !== 'on' && commit !== 'remote_apply') throw hallErrors.HK_LEDGER_SETTINGS(`synchronous_commit must be on, it is ${commit}`);
}

/** @throws HK_LEDGER_OTHER_HALL, HK_LEDGER_NEWER_EPOCH, HK_LEDGER_AWAY */
export async function loadLedger(
  session: LedgerSession,
  expected: { readonly hall: string; readonly epoch: bigint },
  signal: AbortSignal,
): Promise<LoadedLedger> {
  const [feed] = await session.query('read-feed', [], signal);
  const epoch = BigInt(textOf(feed, 'epoch') ?? '0');
  if (epoch > expected.epoch) throw hallErrors.HK_LEDGER_NEWER_EPOCH(`${epoch}, ours is ${expected.epoch}`);
  const observedToMs = numberOf(feed, 'observed_to_ms');
  const problems: string[] = [];
  return {
    roster: await loadRoster(session, expected.hall, problems, signal),
    terminals: new Map((await session.query('read-states', [], signal)).map(terminalOf)),
    totals: totalsOf(await session.query('read-totals', [], signal)),
    feedNumber: BigInt(textOf(feed, 'number') ?? '0'),
    epoch,
    observedToMs,
    latestMs: Math.max(observedToMs ?? 0, numberOf(feed, 'last_at_ms') ?? 0),
    problems,
  };
}

async function loadRoster(session: LedgerSession, hall: string, problems: string[], signal: AbortSignal): Promise<Roster> {
  const [row] = await session.query('read-roster', [], signal);
  if (row === undefined) return emptyRoster;
  if (row['hall'] !== hall) throw hallErrors.HK_LEDGER_OTHER_HALL(`"${String(row['hall'])}", ours is "${hall}"`);
  const profiles = (await session.query('read-terminals', [], signal)).map((terminal) => profileOf(terminal, problems));
  return {
    revision: textOf(row, 'revision') ?? '',
    heartbeat: storedLimits(row['heartbeat'], 'roster', problems),
    terminals: new Map(profiles.map((profile) => [profile.name, profile])),
  };
}

function profileOf(row: Row, problems: string[]): TerminalProfile {
  const name = textOf(row, 'name') ?? '';
  return {
    name,
    model: textOf(row, 'model') ?? '',
    zone: textOf(row, 'zone') ?? '',
    seat: textOf(row, 'seat') ?? '',
    serialNumber: textOf(row, 'serial_number') ?? '',
    suspended: row['suspended'] === true,
    suspendReason: textOf(row, 'suspend_reason') ?? '',
    suspendUntilMs: numberOf(row, 'suspend_until_ms'),
    heartbeat: storedLimits(row['heartbeat'], name, problems),
  };
}

/** Limits as we stored them. Names that only a newer version knows, and values that are none, are left out: the default holds. */
export function storedLimits(stored: unknown, where: string, problems: string[]): LimitOverrides {
  const raw: Readonly<Record<string, unknown>> = typeof stored === 'object' && stored !== null ? { ...stored } : {};
  const good = limitNames.flatMap((name) => {
    const value = raw[name];
    const { min, max } = limitRanges[name];
    if (value === undefined || value === null) return [];
    if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return [[name, Number(value)] as const];
    problems.push(`${where}: ${name} must be a whole number from ${min} to ${max}`);
    return [];
  });
  return Object.fromEntries(good);
}

function terminalOf(row: Row): readonly [string, LoadedTerminal] {
  const state = textOf(row, 'state') ?? '';
  return [
    textOf(row, 'terminal') ?? '',
    {
      // A state that only a newer version knows is one we did not watch.
      state: isTerminalState(state) ? state : 'unknown',
      sinceMs: numberOf(row, 'since_ms') ?? 0,
      why: textOf(row, 'why') ?? '',
      hangs: numberOf(row, 'hangs') ?? 0,
    },
  ];
}

function totalsOf(rows: readonly Row[]): ReadonlyMap<string, StateTotals> {
  const totals = new Map<string, Record<TerminalState, number>>();
  for (const row of rows) {
    const terminal = textOf(row, 'terminal') ?? '';
    const state = textOf(row, 'state') ?? '';
    const own = totals.get(terminal) ?? zeroTotals();
    if (isTerminalState(state)) own[state] = numberOf(row, 'milliseconds') ?? 0;
    totals.set(terminal, own);
  }
  return totals;
}

function textOf(row: Row | undefined, name: string): string | undefined {
  const value = row?.[name];
  return typeof value === 'string' ? value : undefined;
}

function numberOf(row: Row | undefined, name: string): number | undefined {
  const text = textOf(row, name);
  return text === undefined ? undefined : Number(text);
}
