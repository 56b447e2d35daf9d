import { ClockState, LocalApi } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { ChannelQuality, Desired, Heartbeat } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { PlayRefusal } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { TerminalMeasurement } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { CallWindow } from './call-window.ts';
import { checkHeartbeat } from './check-heartbeat.ts';
import type { TerminalView } from './decide-terminal-state.ts';
import type { HeartbeatLimits } from './heartbeat-limits.ts';
import type { TerminalProfile } from './roster.ts';
import { terminalStates, wireStateOf } from './terminal-states.ts';
import { TimeAccount } from './time-account.ts';
import type { AccountStart } from './time-account.ts';

/** One run of an agent, as its hello named it. */
export interface TerminalRun {
  /** The run id in hexadecimal. */
  readonly runKey: string;
  readonly agentVersion: string;
}

/** When a heartbeat was read. */
interface HeardAt {
  readonly watchMs: number;
  readonly hallMs: number;
  readonly wallMs: number;
}

/** How long a name stays marked after a second live run was last seen. */
const duplicateStaysMs = 60_000;

/** Everything the hall server knows of one terminal. Filled by its messages, read by the pass. `watchMs` is the hall's watch. */
export class TerminalRecord {
  profile: TerminalProfile;
  #limits: HeartbeatLimits;
  /** Limits that still hold beside the new ones: the terminal beats at their pace until it was told the new one. */
  #limitsBefore: HeartbeatLimits | undefined;
  #toldIntervalMs: number | undefined;
  readonly account: TimeAccount;
  /** Times in `hung` as decided, and as the ledger holds them: only those are shown. */
  hangs: number;
  #writtenHangs: number;
  #run: TerminalRun | undefined;
  #watchedFromMs: number;
  #heard: (HeardAt & { readonly heartbeat: Heartbeat; readonly clockOffsetMs: bigint | undefined }) | undefined;
  #progress: { readonly value: bigint; readonly changedMs: number } | undefined;
  #window = new CallWindow();
  #rivalMs: number | undefined;
  #duplicateUntilMs: number | undefined;

  constructor(profile: TerminalProfile, limits: HeartbeatLimits, start: AccountStart & { readonly hangs: number }, watchMs: number) {
    this.profile = profile;
    this.#limits = limits;
    this.account = new TimeAccount(start);
    this.hangs = start.hangs;
    this.#writtenHangs = start.hangs;
    this.#watchedFromMs = watchMs;
  }

  /** The limits by which it is judged now. */
  get limits(): HeartbeatLimits {
    const before = this.#limitsBefore;
    if (before === undefined) return this.#limits;
    const longer = (name: 'intervalMs' | 'offlineAfterMs' | 'hungAfterMs'): number => Math.max(before[name], this.#limits[name]);
    return {
      ...this.#limits,
      intervalMs: longer('intervalMs'),
      offlineAfterMs: longer('offlineAfterMs'),
      hungAfterMs: longer('hungAfterMs'),
    };
  }

  /** Takes new limits. While its terminal does not know the new interval yet, nobody is judged more harshly than before. */
  set limits(next: HeartbeatLimits) {
    if (next.intervalMs < this.limits.intervalMs && this.#run !== undefined) this.#limitsBefore = this.limits;
    this.#limits = next;
  }

  /** The terminal was told how often a heartbeat is wanted; from the next one on it is judged by that. */
  told(intervalMs: number): void {
    this.#toldIntervalMs = intervalMs;
  }

  /** Hall time of the last heartbeat of this watch; undefined: none. */
  get heardHallMs(): number | undefined {
    return this.#heard?.hallMs;
  }

  /** The oldest of its transitions that waited is in the ledger. */
  written(hangs: number): void {
    this.account.written();
    this.#writtenHangs = Math.max(this.#writtenHangs, hangs);
  }

  /** Begins to watch anew: what was heard before proves nothing any more. */
  watchAnew(watchMs: number): void {
    this.#watchedFromMs = watchMs;
    this.#heard = undefined;
    this.#progress = undefined;
  }

  admit(run: TerminalRun): void {
    if (this.#run?.runKey !== run.runKey) {
      this.#progress = undefined;
      this.#window = new CallWindow();
      // The run that was there was not heard after this one had called: it was gone, and there were never two.
      this.#rivalMs = undefined;
    }
    this.#run = run;
    this.#toldIntervalMs = undefined;
  }

  /** A hello of another run was refused because this one is alive. It is a duplicate once this one is heard again. */
  rivalCalled(watchMs: number): void {
    this.#rivalMs = watchMs;
  }

  /** Takes a heartbeat as far as it is within its bounds. @returns what was cut, in words. */
  heard(said: Heartbeat, at: HeardAt): readonly string[] {
    const { heartbeat, clockOffsetMs, cut } = checkHeartbeat(said, at.wallMs);
    this.#heard = { ...at, heartbeat, clockOffsetMs };
    if (this.#toldIntervalMs === this.#limits.intervalMs) this.#limitsBefore = undefined;
    if (heartbeat.gameProgress !== undefined && heartbeat.gameProgress !== this.#progress?.value) {
      this.#progress = { value: heartbeat.gameProgress, changedMs: at.watchMs };
    }
    let calls = 0;
    let failures = 0;
    for (const channel of heartbeat.channels) {
      calls += Number(channel.calls);
      for (const { count } of channel.failures) failures += Number(count);
    }
    this.#window.report(this.#run?.runKey ?? '', calls, failures, at.watchMs);
    if (this.#rivalMs !== undefined) this.#duplicateUntilMs = this.#rivalMs + duplicateStaysMs;
    this.#rivalMs = undefined;
    return cut;
  }

  isDuplicate(watchMs: number): boolean {
    return this.#duplicateUntilMs !== undefined && watchMs < this.#duplicateUntilMs;
  }

  isSuspended(wallMs: number): boolean {
    return this.profile.suspended && (this.profile.suspendUntilMs === undefined || wallMs < this.profile.suspendUntilMs);
  }

  view(watchMs: number, wallMs: number, acceptBacklog: boolean): TerminalView {
    const heartbeat = this.#heard?.heartbeat;
    const recent = this.#window.recent(watchMs);
    const reason = this.profile.suspendReason;
    return {
      inMaintenance: this.isSuspended(wallMs),
      maintenanceWhy: reason === '' ? 'suspended' : `suspended: ${reason}`,
      watchedMs: watchMs - this.#watchedFromMs,
      acceptBacklog,
      silentMs: this.#heard === undefined ? undefined : watchMs - this.#heard.watchMs,
      localApi: localApiWords[heartbeat?.localApi ?? LocalApi.LOCAL_API_UNSPECIFIED] ?? 'absent',
      progressStillMs: this.#progress === undefined ? undefined : watchMs - this.#progress.changedMs,
      uptimeMs: Number(heartbeat?.uptimeMs ?? 0n),
      recentCalls: recent.calls,
      recentFailures: recent.failures,
    };
  }

  /** What the hall wants of this terminal now. */
  desired(watchMs: number, wallMs: number): Desired {
    const refusals: PlayRefusal[] = [];
    if (this.isSuspended(wallMs)) refusals.push(PlayRefusal.PLAY_REFUSAL_SUSPENDED);
    if (this.isDuplicate(watchMs)) refusals.push(PlayRefusal.PLAY_REFUSAL_IDENTITY_DUPLICATE);
    return { newPlay: refusals.length === 0, refusals, heartbeatIntervalMs: this.#limits.intervalMs };
  }

  measurement(watchMs: number, horizonMs: number): TerminalMeasurement {
    const heartbeat = this.#heard?.heartbeat;
    // A silent terminal has counted what it counted, but nobody measures it any more.
    const isSilent = this.#heard === undefined || watchMs - this.#heard.watchMs >= this.limits.offlineAfterMs;
    const channels = heartbeat?.channels ?? [];
    const totals = this.account.show(horizonMs, this.heardHallMs);
    return {
      terminal: this.profile.name,
      lastSeenUnixMs: this.#heard === undefined ? undefined : BigInt(Math.floor(this.#heard.wallMs)),
      agentVersion: this.#run?.agentVersion ?? '',
      runId: Buffer.from(this.#run?.runKey ?? '', 'hex'),
      channels: isSilent ? channels.map((channel): ChannelQuality => ({ ...channel, roundTripUs: undefined })) : channels,
      clockOffsetMs: isSilent ? undefined : this.#heard?.clockOffsetMs,
      clockState: heartbeat?.clockState ?? ClockState.CLOCK_STATE_UNSPECIFIED,
      localApiLatencyUs: isSilent ? undefined : heartbeat?.localApiLatencyUs,
      hangs: BigInt(this.#writtenHangs),
      identityDuplicate: this.isDuplicate(watchMs),
      stateTotals: terminalStates.map((state) => ({ state: wireStateOf(state), milliseconds: BigInt(totals[state]) })),
    };
  }
}

const localApiWords: Readonly<Record<number, TerminalView['localApi']>> = {
  [LocalApi.LOCAL_API_UNSPECIFIED]: 'absent',
  [LocalApi.LOCAL_API_WORKING]: 'working',
  [LocalApi.LOCAL_API_FAILING]: 'failing',
};
