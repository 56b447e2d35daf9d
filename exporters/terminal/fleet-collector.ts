import { constantSamples } from '#lib/exposition/constant-samples.ts';
import { InfoColumn } from '#lib/exposition/info-column.ts';
import type { Collector, Samples } from '#lib/exposition/samples.ts';
import { SeriesTable } from '#lib/exposition/series-table.ts';
import { StateColumn } from '#lib/exposition/state-column.ts';
import { ValueColumn } from '#lib/exposition/value-column.ts';
import type { FleetChange, FleetTerminal, TerminalMeasurement, TerminalProfile } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { FleetEvent } from '#lib/link/watch-fleet.ts';
import { commErrorReasons, terminalFamilies, terminalLabels, terminalStates } from './families.ts';
import { reasonLabels, stateLabels } from './wire-words.ts';

export interface FleetCollectorOptions {
  readonly hall: string;
  /** A hall has no more; what the feed tells beyond is refused and makes the hall count as down. */
  readonly terminalsMax: number;
}

interface KnownTerminal {
  readonly row: number;
  profile: TerminalProfile;
  agentVersion: string;
}

/**
 * The fleet as its hall tells it, by event, and the samples of it. It has no clock: seconds, instants and counters are those of the
 * hall. Before its first word nothing is said; while the feed is away, or tells what is not so any more, only `hallkeeper_hall_up 0` is left; the terminals come back with the next word of the feed, which
 * begins where it was lost or with a snapshot.
 */
export class FleetCollector implements Collector {
  readonly name = 'fleet';
  readonly #options: FleetCollectorOptions;
  readonly #table: SeriesTable<typeof terminalLabels>;
  readonly #terminals = new Map<string, KnownTerminal>();
  readonly #info: InfoColumn;
  readonly #state: StateColumn<(typeof terminalStates)[number]>;
  readonly #stateSeconds: ValueColumn;
  readonly #lastSeen: ValueColumn;
  readonly #roundTrip: ValueColumn;
  readonly #calls: ValueColumn;
  readonly #commErrors: ValueColumn;
  readonly #hangs: ValueColumn;
  readonly #clockOffset: ValueColumn;
  readonly #identityDuplicate: ValueColumn;
  /** Whether anything was heard, be it that nobody answers. Before that nothing is said of the hall: nobody has asked it yet. */
  #hasWord = false;
  /** Why the feed is not there; undefined while it is. */
  #lost: string | undefined = 'the hall server was not reached yet';
  /** What is wrong with what the feed tells. Only a new snapshot, which replaces everything, clears it. */
  #fault: string | undefined;
  /** Why what the feed tells is not what is. */
  #stale: string | undefined;
  #hasSnapshot = false;

  constructor(options: FleetCollectorOptions) {
    this.#options = options;
    const table = new SeriesTable(terminalLabels, { rowsMax: options.terminalsMax });
    this.#table = table;
    this.#info = new InfoColumn(table, terminalFamilies.info);
    this.#state = new StateColumn(table, terminalFamilies.state, terminalStates);
    this.#stateSeconds = new ValueColumn(table, terminalFamilies.stateSeconds);
    this.#lastSeen = new ValueColumn(table, terminalFamilies.lastSeen);
    this.#roundTrip = new ValueColumn(table, terminalFamilies.roundTrip);
    this.#calls = new ValueColumn(table, terminalFamilies.calls);
    this.#commErrors = new ValueColumn(table, terminalFamilies.commErrors);
    this.#hangs = new ValueColumn(table, terminalFamilies.hangs);
    this.#clockOffset = new ValueColumn(table, terminalFamilies.clockOffset);
    this.#identityDuplicate = new ValueColumn(table, terminalFamilies.identityDuplicate);
  }

  /** Why nothing is known of the terminals now; undefined while the feed is there. */
  get problem(): string | undefined {
    return this.#lost ?? this.#fault ?? this.#stale;
  }

  /** Says since when the hall tells what it cannot write any more; undefined: it writes. */
  markStale(why: string | undefined): void {
    this.#stale = why;
  }

  /** Takes the next event of the feed. */
  apply(event: FleetEvent): void {
    this.#hasWord = true;
    switch (event.kind) {
      case 'lost':
        this.#lost = event.why;
        return;
      case 'snapshot':
        this.#hasSnapshot = event.snapshot.hall === this.#options.hall;
        this.#lost = undefined;
        this.#fault = this.#hasSnapshot
          ? this.#replaceAll(event.snapshot.terminals)
          : `the feed is of hall ${JSON.stringify(event.snapshot.hall.slice(0, 63))}, not of ${this.#options.hall}`;
        return;
      case 'changes':
        if (!this.#hasSnapshot) return;
        this.#lost = undefined;
        for (const change of event.changes) this.#applyChange(change);
        return;
      case 'measurements':
        if (!this.#hasSnapshot) return;
        this.#lost = undefined;
        for (const measurement of event.measurements.terminals) this.#measure(measurement);
    }
  }

  collect(): readonly Samples[] {
    const { hall } = this.#options;
    const isUp = this.problem === undefined;
    const up = constantSamples(terminalFamilies.hallUp, this.#hasWord ? [{ labels: { hall }, value: isUp ? 1 : 0 }] : []);
    if (!isUp) return [up];
    const told = [this.#info, this.#state, this.#stateSeconds, this.#lastSeen];
    const measured = [this.#roundTrip, this.#calls, this.#commErrors, this.#hangs, this.#clockOffset, this.#identityDuplicate];
    return [up, ...[...told, ...measured].map((column) => column.freeze())];
  }

  #replaceAll(terminals: readonly FleetTerminal[]): string | undefined {
    const listed = new Set(terminals.map(({ profile }) => profile?.name));
    for (const name of this.#terminals.keys()) if (!listed.has(name)) this.#remove(name);
    let problem: string | undefined;
    for (const terminal of terminals) problem ??= this.#put(terminal);
    return problem;
  }

  #applyChange({ change }: FleetChange): void {
    if (change?.$case === 'put') this.#fault ??= this.#put(change.value);
    if (change?.$case === 'removed') this.#remove(change.value);
    if (change?.$case === 'transition') this.#showState(change.value.terminal, change.value.to);
  }

  /** Adds a terminal or takes its new profile and state; answers with what is wrong. */
  #put({ profile, state }: FleetTerminal): string | undefined {
    if (profile === undefined || profile.name === '') return 'the feed has a terminal without a name';
    const known = this.#terminals.get(profile.name);
    if (known === undefined && this.#terminals.size >= this.#options.terminalsMax) {
      return `the feed has more than ${this.#options.terminalsMax} terminals`;
    }
    const terminal = known ?? this.#add(profile);
    terminal.profile = profile;
    this.#showInfo(terminal);
    this.#showState(profile.name, state);
    return undefined;
  }

  /** Counters stay absent until the first measurement: a zero before it would look as if all of the past had happened just now. */
  #add(profile: TerminalProfile): KnownTerminal {
    const terminal = { row: this.#table.add({ hall: this.#options.hall, terminal: profile.name }), profile, agentVersion: '' };
    this.#terminals.set(profile.name, terminal);
    return terminal;
  }

  #remove(name: string): void {
    const terminal = this.#terminals.get(name);
    if (terminal === undefined) return;
    this.#terminals.delete(name);
    this.#table.remove(terminal.row);
  }

  #showInfo({ row, profile, agentVersion }: KnownTerminal): void {
    this.#info.set(row, [profile.model, profile.zone, agentVersion]);
  }

  #showState(name: string, state: FleetTerminal['state']): void {
    const row = this.#terminals.get(name)?.row;
    if (row === undefined) return;
    const label = stateLabels.get(state);
    if (label === undefined) this.#state.clear(row);
    else this.#state.set(row, label);
  }

  #measure(measurement: TerminalMeasurement): void {
    const terminal = this.#terminals.get(measurement.terminal);
    if (terminal === undefined) return;
    const { row } = terminal;
    if (measurement.agentVersion !== '' && measurement.agentVersion !== terminal.agentVersion) {
      terminal.agentVersion = measurement.agentVersion;
      this.#showInfo(terminal);
    }
    // A server that has not heard the terminal since its start does not know when it was heard last; what was told before stays true.
    if (measurement.lastSeenUnixMs !== undefined) this.#lastSeen.set(row, Number(measurement.lastSeenUnixMs) / 1_000);
    for (const { state, milliseconds } of measurement.stateTotals) {
      const label = stateLabels.get(state);
      if (label !== undefined) this.#stateSeconds.set(row, Number(milliseconds) / 1_000, terminalStates.indexOf(label));
    }
    this.#hangs.set(row, Number(measurement.hangs));
    this.#identityDuplicate.set(row, measurement.identityDuplicate ? 1 : 0);
    if (measurement.clockOffsetMs === undefined) this.#clockOffset.clear(row);
    else this.#clockOffset.set(row, Number(measurement.clockOffsetMs) / 1_000);
    this.#measureChannels(row, measurement.channels);
  }

  #measureChannels(row: number, channels: TerminalMeasurement['channels']): void {
    const active = channels.find((channel) => channel.active) ?? channels.find((channel) => channel.up);
    if (active?.roundTripUs === undefined) this.#roundTrip.clear(row);
    else this.#roundTrip.set(row, active.roundTripUs / 1e6);
    if (channels.length === 0) return;
    this.#calls.set(
      row,
      channels.reduce((sum, { calls }) => sum + Number(calls), 0),
    );
    for (const [variant, reason] of commErrorReasons.entries()) {
      const counts = channels.flatMap(({ failures }) => failures.filter((failure) => reasonLabels.get(failure.reason) === reason));
      this.#commErrors.set(
        row,
        counts.reduce((sum, { count }) => sum + Number(count), 0),
        variant,
      );
    }
  }
}
