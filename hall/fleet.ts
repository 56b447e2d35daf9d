import type { Clock } from '#lib/base/clock.ts';
import type { FleetMeasurements } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { decideTerminalState } from './decide-terminal-state.ts';
import type { TerminalVerdict } from './decide-terminal-state.ts';
import { HallWatch } from './hall-watch.ts';
import type { LoadedLedger } from './ledger/load-ledger.ts';
import type { LedgerItem, NumberedChange, TransitionItem } from './ledger/ledger-items.ts';
import { diffRosters, limitsOf } from './roster.ts';
import type { Roster } from './roster.ts';
import { TerminalRecord } from './terminal-record.ts';
import { zeroTotals } from './time-account.ts';
import type { StateTotals } from './time-account.ts';

/** After a take-over nobody is judged for not having called while others still arrive, at most this long. */
const acceptBacklogMaxMs = 30_000;
const arrivalQuietMs = 3_000;

/** What one pass wants written. */
export interface Pass {
  readonly items: readonly LedgerItem[];
  /** How far this watch reaches, and since when it has not been interrupted. Hall time. */
  readonly observer: { readonly fromMs: number; readonly toMs: number };
}

interface Counted {
  readonly totals: StateTotals;
  readonly hangs: number;
}

/** The terminals of a hall in one reign: who they are, what they last said, and which state they are in. */
export class Fleet {
  readonly #hall: string;
  readonly #clock: Clock;
  readonly #watch: HallWatch;
  readonly #records = new Map<string, TerminalRecord>();
  /** Totals and hangs of terminals that are not in the roster: they count on should one come back. */
  readonly #departed: Map<string, Counted>;
  readonly #unwritten: LedgerItem[] = [];
  #roster: Roster;
  #observedFromMs: number;
  #lastArrivalMs = Number.NEGATIVE_INFINITY;

  /** Nobody watched between the end of the last observer row and now, so that every terminal starts as unknown from there. */
  constructor(hall: string, clock: Clock, loaded: LoadedLedger) {
    this.#hall = hall;
    this.#clock = clock;
    this.#watch = new HallWatch(clock, loaded.latestMs);
    this.#roster = loaded.roster;
    this.#observedFromMs = this.#watch.hallMs();
    const counted = (name: string): Counted => ({
      totals: loaded.totals.get(name) ?? zeroTotals(),
      hangs: loaded.terminals.get(name)?.hangs ?? 0,
    });
    this.#departed = new Map([...loaded.totals.keys(), ...loaded.terminals.keys()].map((name) => [name, counted(name)]));
    for (const profile of loaded.roster.terminals.values()) {
      const known = loaded.terminals.get(profile.name);
      const start = {
        state: known?.state ?? 'unknown',
        sinceMs: known?.sinceMs ?? this.#observedFromMs,
        ...this.#countedOf(profile.name),
      };
      const record = new TerminalRecord(profile, limitsOf(loaded.roster, profile), start, this.#watch.watchMs());
      this.#records.set(profile.name, record);
      this.#forget(record, loaded.observedToMs ?? start.sinceMs);
    }
  }

  get rosterRevision(): string {
    return this.#roster.revision;
  }

  get watchMs(): number {
    return this.#watch.watchMs();
  }

  record(name: string): TerminalRecord | undefined {
    return this.#records.get(name);
  }

  /** A terminal said hello: others may still be on their way. */
  arrived(): void {
    this.#lastArrivalMs = this.#watch.watchMs();
  }

  /** Hall, watch and wall time for a message that has just been read. */
  stamp(): { readonly watchMs: number; readonly hallMs: number; readonly wallMs: number } {
    return { watchMs: this.#watch.watchMs(), hallMs: this.#watch.hallMs(), wallMs: this.#clock.wallMs() };
  }

  /** Looks at every terminal once. */
  pass(): Pass {
    const beforeMs = this.#watch.passHallMs;
    const items = this.#unwritten.splice(0);
    if (this.#watch.pass().interrupted) {
      this.#observedFromMs = this.#watch.passHallMs;
      for (const record of this.#records.values()) {
        this.#forget(record, beforeMs);
        record.watchAnew(this.#watch.watchMs());
      }
      items.push(...this.#unwritten.splice(0));
    }
    const watchMs = this.#watch.watchMs();
    const wallMs = this.#clock.wallMs();
    const acceptBacklog = watchMs < acceptBacklogMaxMs && watchMs - this.#lastArrivalMs < arrivalQuietMs;
    for (const record of this.#records.values()) {
      const verdict = decideTerminalState(record.view(watchMs, wallMs, acceptBacklog), record.limits);
      if (verdict.state !== record.account.state) items.push(this.#move(record, verdict));
    }
    return { items, observer: { fromMs: this.#observedFromMs, toMs: this.#watch.passHallMs } };
  }

  /** Takes a new roster at once. @returns what has to be written; nothing when this revision is in force already. */
  replaceRoster(next: Roster): readonly LedgerItem[] {
    if (next.revision === this.#roster.revision) return [];
    const items = this.#unwritten.splice(0);
    const change = diffRosters(this.#roster, next);
    this.#roster = next;
    for (const name of change.removed) {
      const record = this.#records.get(name);
      if (record === undefined) continue;
      if (record.account.state !== 'unknown') items.push(this.#move(record, { state: 'unknown', why: 'it left the roster' }));
      this.#departed.set(name, { totals: record.account.settledTotals(), hangs: record.hangs });
      this.#records.delete(name);
    }
    for (const profile of next.terminals.values()) {
      const record = this.#records.get(profile.name);
      if (record === undefined) {
        const start = { state: 'unknown', sinceMs: this.#watch.hallMs(), ...this.#countedOf(profile.name) } as const;
        this.#records.set(profile.name, new TerminalRecord(profile, limitsOf(next, profile), start, this.#watch.watchMs()));
      } else {
        record.profile = profile;
        record.limits = limitsOf(next, profile);
      }
    }
    return [...items, { kind: 'roster', hall: this.#hall, change }];
  }

  /** What is in the ledger now may be shown. */
  written(changes: readonly NumberedChange[]): void {
    for (const change of changes) {
      if (change.kind === 'transition') this.#records.get(change.transition.terminal)?.written(change.transition.hangs);
    }
  }

  /** Takes back what the ledger refuses for ever: of a roster the one before it is in force again. */
  refused(item: LedgerItem): void {
    if (item.kind === 'transition') {
      this.#records.get(item.terminal)?.written(item.hangs);
      return;
    }
    const moved = this.replaceRoster(item.change.from).filter(({ kind }) => kind === 'transition');
    this.#unwritten.push(...moved);
  }

  #countedOf(name: string): Counted {
    return this.#departed.get(name) ?? { totals: zeroTotals(), hangs: 0 };
  }

  /** @param horizonMs  End of the last durable observer row. */
  measurements(horizonMs: number): FleetMeasurements {
    const watchMs = this.#watch.watchMs();
    const terminals = [...this.#records.values()].map((record) => record.measurement(watchMs, horizonMs));
    return { horizonUnixMs: BigInt(horizonMs), terminals };
  }

  #forget(record: TerminalRecord, sinceMs: number): void {
    if (record.account.state === 'unknown') return;
    const verdict: TerminalVerdict = { state: 'unknown', why: 'nobody watched' };
    this.#unwritten.push(this.#move(record, verdict, sinceMs));
  }

  #move(record: TerminalRecord, { state, why }: TerminalVerdict, wishedMs?: number): TransitionItem {
    const { account } = record;
    const from = account.state;
    const decidedAtMs = this.#watch.hallMs();
    // Silence began with the last heartbeat; everything else is true from the moment it is decided.
    const happenedMs = wishedMs ?? (state === 'offline' ? (record.heardHallMs ?? this.#watch.passHallMs) : this.#watch.passHallMs);
    const atMs = account.move(state, happenedMs);
    if (state === 'hung') record.hangs += 1;
    const fromTotalMs = account.settled(from);
    return {
      kind: 'transition',
      terminal: record.profile.name,
      from,
      to: state,
      atMs,
      decidedAtMs: Math.max(decidedAtMs, atMs),
      why,
      fromTotalMs,
      hangs: record.hangs,
    };
  }
}
