import { TerminalState } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { CallFailure } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import type { CommErrorReason, TerminalStateLabel } from './families.ts';

/** The label of a state of the feed. A state that is unspecified, or newer than this exporter, has none. */
export const stateLabels: ReadonlyMap<TerminalState, TerminalStateLabel> = new Map([
  [TerminalState.TERMINAL_STATE_ONLINE, 'online'],
  [TerminalState.TERMINAL_STATE_HUNG, 'hung'],
  [TerminalState.TERMINAL_STATE_COMM_ERROR, 'comm_error'],
  [TerminalState.TERMINAL_STATE_OFFLINE, 'offline'],
  [TerminalState.TERMINAL_STATE_MAINTENANCE, 'maintenance'],
  [TerminalState.TERMINAL_STATE_UNKNOWN, 'unknown'],
]);

/** The label of a failure's reason. */
export const reasonLabels: ReadonlyMap<CallFailure, CommErrorReason> = new Map([
  [CallFailure.CALL_FAILURE_CONNECT, 'connect'],
  [CallFailure.CALL_FAILURE_IDENTITY, 'identity'],
  [CallFailure.CALL_FAILURE_SILENT, 'silent'],
  [CallFailure.CALL_FAILURE_BROKEN, 'broken'],
  [CallFailure.CALL_FAILURE_REFUSED, 'refused'],
]);
