import type { FleetChange, FleetSnapshot, FleetTerminal, FeedToken, Transition, WatchAnswer } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { TerminalState as Wire } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { LoadedLedger } from './ledger/load-ledger.ts';
import type { NumberedChange, TransitionItem } from './ledger/ledger-items.ts';
import { wireProfileOf } from './roster.ts';
import { wireStateOf } from './terminal-states.ts';

/** Changes that are kept for readers who come back or are slow; older positions get a snapshot. */
const keptChangesMax = 8_192;
/** Changes in one message. */
const messageChangesMax = 1_000;

export type FeedBody = NonNullable<WatchAnswer['body']>;

/** One reader. Nothing is buffered for it here: it is only written to while it takes. */
export interface FeedReader {
  /** @returns false when it wants no more until `drained` is called. */
  write(body: FeedBody): boolean;
}

interface Following {
  readonly reader: FeedReader;
  /** Number of the last change it was told; undefined: it needs a snapshot. */
  told: bigint | undefined;
  isReady: boolean;
}

/** What readers are told of the fleet: only what is committed, in commit order, each change once. */
export class Feed {
  readonly #pairUid: string;
  readonly #epoch: bigint;
  readonly #hall: string;
  readonly #terminals = new Map<string, FleetTerminal>();
  readonly #followers = new Map<FeedReader, Following>();
  #kept: FleetChange[] = [];
  #revision: string;
  #number: bigint;

  constructor(reign: { readonly pairUid: string; readonly epoch: bigint; readonly hall: string }, loaded: LoadedLedger) {
    this.#pairUid = reign.pairUid;
    this.#epoch = reign.epoch;
    this.#hall = reign.hall;
    this.#revision = loaded.roster.revision;
    this.#number = loaded.feedNumber;
    for (const profile of loaded.roster.terminals.values()) {
      const known = loaded.terminals.get(profile.name);
      this.#terminals.set(profile.name, {
        profile: wireProfileOf(profile),
        state: wireStateOf(known?.state ?? 'unknown'),
        sinceUnixMs: BigInt(known?.sinceMs ?? 0),
        why: known?.why ?? '',
      });
    }
  }

  get readers(): number {
    return this.#followers.size;
  }

  /** Adds a reader. A position of this very reign that is still kept goes on from there; any other starts with a snapshot. */
  follow(reader: FeedReader, since: FeedToken | undefined): void {
    const isOurs = since !== undefined && since.pairUid === this.#pairUid && since.epoch === this.#epoch && since.number <= this.#number;
    const following: Following = { reader, told: isOurs && this.#isKept(since.number) ? since.number : undefined, isReady: true };
    this.#followers.set(reader, following);
    // A reader that is up to date is told so by an empty list, for it waits for a first answer.
    if (following.told === this.#number) following.isReady = reader.write({ $case: 'changes', value: { changes: [] } });
    this.#pump(following);
  }

  leave(reader: FeedReader): void {
    this.#followers.delete(reader);
  }

  drained(reader: FeedReader): void {
    const following = this.#followers.get(reader);
    if (following === undefined) return;
    following.isReady = true;
    this.#pump(following);
  }

  /** Takes what was committed. */
  publish(changes: readonly NumberedChange[]): void {
    for (const change of changes) {
      this.#kept.push(this.#apply(change));
      this.#number = change.number;
    }
    if (this.#kept.length > keptChangesMax) this.#kept = this.#kept.slice(-keptChangesMax);
    for (const following of this.#followers.values()) this.#pump(following);
  }

  /** Measurements are lossy: a reader that does not take now is passed over. */
  measure(body: FeedBody): void {
    for (const following of this.#followers.values()) if (following.isReady) following.isReady = following.reader.write(body);
  }

  snapshot(): FleetSnapshot {
    return { number: this.#number, hall: this.#hall, rosterRevision: this.#revision, terminals: [...this.#terminals.values()] };
  }

  #pump(following: Following): void {
    while (following.isReady && following.told !== this.#number) {
      if (following.told === undefined || !this.#isKept(following.told)) {
        following.isReady = following.reader.write({ $case: 'snapshot', value: this.snapshot() });
        following.told = this.#number;
        continue;
      }
      const skip = this.#kept.length - Number(this.#number - following.told);
      const changes = this.#kept.slice(skip, skip + messageChangesMax);
      following.isReady = following.reader.write({ $case: 'changes', value: { changes } });
      following.told = changes.at(-1)?.number ?? this.#number;
    }
  }

  /** Whether every change after this number is still here. */
  #isKept(number: bigint): boolean {
    return this.#number - number <= BigInt(this.#kept.length);
  }

  #apply(change: NumberedChange): FleetChange {
    const { number } = change;
    switch (change.kind) {
      case 'transition': {
        const { transition } = change;
        const known = this.#terminals.get(transition.terminal);
        if (known !== undefined) {
          const now = { state: wireStateOf(transition.to), sinceUnixMs: BigInt(transition.atMs), why: transition.why };
          this.#terminals.set(transition.terminal, { ...known, ...now });
        }
        return { number, change: { $case: 'transition', value: wireTransitionOf(transition, this.#epoch, number) } };
      }
      case 'put': {
        const known = this.#terminals.get(change.profile.name);
        const terminal: FleetTerminal = {
          state: known?.state ?? Wire.TERMINAL_STATE_UNKNOWN,
          sinceUnixMs: known?.sinceUnixMs ?? 0n,
          why: known?.why ?? '',
          profile: wireProfileOf(change.profile),
        };
        this.#terminals.set(change.profile.name, terminal);
        return { number, change: { $case: 'put', value: terminal } };
      }
      case 'removed':
        this.#terminals.delete(change.terminal);
        return { number, change: { $case: 'removed', value: change.terminal } };
      case 'revision':
        this.#revision = change.revision;
        return { number, change: { $case: 'rosterRevision', value: change.revision } };
    }
  }
}

export function wireTransitionOf(item: Omit<TransitionItem, 'kind' | 'fromTotalMs' | 'hangs'>, epoch: bigint, number: bigint): Transition {
  return {
    terminal: item.terminal,
    from: wireStateOf(item.from),
    to: wireStateOf(item.to),
    atUnixMs: BigInt(item.atMs),
    decidedAtUnixMs: BigInt(item.decidedAtMs),
    why: item.why,
    epoch,
    number,
  };
}
