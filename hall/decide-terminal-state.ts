import type { HeartbeatLimits } from './heartbeat-limits.ts';
import type { TerminalState } from './terminal-states.ts';

/** What is known of a terminal at one moment. All ages in milliseconds of the hall's own watch, in which its pauses do not count. */
export interface TerminalView {
  /** Planned maintenance, or a suspension that has not ended. */
  readonly inMaintenance: boolean;
  readonly maintenanceWhy: string;
  /** How long this server has been watching this terminal: since it leads, or since the terminal joined the roster. */
  readonly watchedMs: number;
  /** Connections are still waiting to be accepted after a take-over, so nobody has had a fair chance to call. */
  readonly acceptBacklog: boolean;
  /** Age of the last heartbeat of this watch; undefined: none yet. */
  readonly silentMs: number | undefined;
  /** What the agent says of its local API; `absent`: it serves no game, so a silent game proves nothing. */
  readonly localApi: 'absent' | 'working' | 'failing';
  /** Age of the last change of the game's progress; undefined: it has not reported in this run. */
  readonly progressStillMs: number | undefined;
  /** Time since the agent's run started, as the agent says. */
  readonly uptimeMs: number;
  /** Calls and failed calls of the last minute. */
  readonly recentCalls: number;
  readonly recentFailures: number;
}

export interface TerminalVerdict {
  readonly state: TerminalState;
  /** For people: the fact that decided. Holds no changing number, so that it is equal while nothing changes. */
  readonly why: string;
}

/** Decides the state of a terminal, worst first. */
export function decideTerminalState(seen: TerminalView, limits: HeartbeatLimits): TerminalVerdict {
  if (seen.inMaintenance) return { state: 'maintenance', why: seen.maintenanceWhy };
  if (seen.silentMs === undefined) {
    if (seen.watchedMs < limits.graceMs || seen.acceptBacklog) return { state: 'unknown', why: 'it has not called yet and has its grace' };
    // A grace shorter than the silence that is allowed to everyone else would judge the one who starts more harshly.
    if (seen.watchedMs < limits.offlineAfterMs) return { state: 'unknown', why: 'it has not called yet' };
    return { state: 'offline', why: 'it has not called since this server watches' };
  }
  if (seen.silentMs >= limits.offlineAfterMs) return { state: 'offline', why: `no heartbeat for ${limits.offlineAfterMs} ms` };
  if (seen.localApi === 'failing') return { state: 'hung', why: 'the local API of its agent fails' };
  if (seen.progressStillMs !== undefined && seen.progressStillMs >= limits.hungAfterMs) {
    return { state: 'hung', why: `no progress of the game for ${limits.hungAfterMs} ms` };
  }
  if (seen.progressStillMs === undefined && seen.localApi === 'working' && seen.uptimeMs >= limits.startTimeoutMs) {
    return { state: 'hung', why: `no first report of the game within ${limits.startTimeoutMs} ms` };
  }
  if (seen.recentCalls >= limits.commErrorMinCalls && seen.recentFailures * 100 >= limits.commErrorPercent * seen.recentCalls) {
    return { state: 'commError', why: `at least ${limits.commErrorPercent} % of its calls of the last minute failed` };
  }
  return { state: 'online', why: 'heartbeats arrive and the game goes on' };
}
