import { TerminalState as Wire } from '#lib/link/gen/hallkeeper/v1/fleet.ts';

/**
 * States of a terminal, worst first.
 *
 * maintenance  Planned or suspended by a person.
 * unknown      Nobody watched, or the terminal still has its grace. No time is credited.
 * offline      No heartbeat.
 * hung         Heartbeats arrive, but the game does not go on.
 * commError    Too many of its calls fail.
 * online       None of these.
 */
export const terminalStates = ['maintenance', 'unknown', 'offline', 'hung', 'commError', 'online'] as const;
export type TerminalState = (typeof terminalStates)[number];

/** Time in this state is credited; in `unknown` nobody watched. */
export const isCredited = (state: TerminalState): boolean => state !== 'unknown';

/** In these states a terminal is known by its heartbeats, so its time counts only up to the last one. */
export const isHeard = (state: TerminalState): boolean => state === 'online' || state === 'commError' || state === 'hung';

const wireByState = {
  maintenance: Wire.TERMINAL_STATE_MAINTENANCE,
  unknown: Wire.TERMINAL_STATE_UNKNOWN,
  offline: Wire.TERMINAL_STATE_OFFLINE,
  hung: Wire.TERMINAL_STATE_HUNG,
  commError: Wire.TERMINAL_STATE_COMM_ERROR,
  online: Wire.TERMINAL_STATE_ONLINE,
} as const satisfies Record<TerminalState, Wire>;

export const wireStateOf = (state: TerminalState): Wire => wireByState[state];

/** Reads a state as the ledger stores it. */
export function isTerminalState(text: string): text is TerminalState {
  return terminalStates.some((state) => state === text);
}
