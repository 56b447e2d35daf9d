import type { OperatorPorts, Room } from '../frame.ts';
import { pairRoomAt } from '../pair/pair-room.ts';

/** The controllers of pairs for tests that wait for what is only looked at now and then: at the usual pace they wait for minutes. */
export function quickPairRoom(ports: OperatorPorts): Room {
  return pairRoomAt({ dns: { everyMs: 500, jitterMs: 50, movingAgainMs: 100 }, secretAgeMaxMs: 200 }, ports);
}
