import type { DeepPartial, FleetTerminal, TerminalMeasurement } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { FleetMeasurements, FleetSnapshot, TerminalState } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { CallFailure } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';

const { TERMINAL_STATE_ONLINE: online, TERMINAL_STATE_OFFLINE: offline } = TerminalState;

export function aTerminal(name: string, state: TerminalState = online): DeepPartial<FleetTerminal> {
  return { profile: { name, model: 'M-5', zone: 'front' }, state };
}

export function aSnapshot(terminals: readonly DeepPartial<FleetTerminal>[], hall = 'north'): FleetSnapshot {
  return FleetSnapshot.fromPartial({ number: 1n, hall, terminals: [...terminals] });
}

/** @param onlineMs  Total time in the state online. */
export function aMeasurement(terminal: string, onlineMs = 1_500n): DeepPartial<TerminalMeasurement> {
  return {
    terminal,
    lastSeenUnixMs: 1_795_000_000_123n,
    agentVersion: '0.1.0',
    hangs: 2n,
    clockOffsetMs: -250n,
    identityDuplicate: false,
    stateTotals: [
      { state: online, milliseconds: onlineMs },
      { state: offline, milliseconds: 0n },
    ],
    channels: [
      {
        channel: 'main',
        up: true,
        active: true,
        calls: 10n,
        roundTripUs: 750,
        failures: [{ reason: CallFailure.CALL_FAILURE_CONNECT, count: 1n }],
      },
      {
        channel: 'backup',
        up: true,
        calls: 5n,
        roundTripUs: 9_000,
        failures: [{ reason: CallFailure.CALL_FAILURE_CONNECT, count: 2n }],
      },
    ],
  };
}

export function measurementsOf(terminals: readonly DeepPartial<TerminalMeasurement>[]): FleetMeasurements {
  return FleetMeasurements.fromPartial({ horizonUnixMs: 1_795_000_000_123n, terminals: [...terminals] });
}
