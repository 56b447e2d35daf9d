import type { OperatorPorts, Room } from './frame.ts';
import { drillRoom } from './drill/drill-room.ts';
import { hallRoom } from './hall/hall-room.ts';
import { pairRoom } from './pair/pair-room.ts';
import type { OperatorSettings } from './settings.ts';

/** The controllers of the operator, by folder. */
export const rooms: readonly ((ports: OperatorPorts, settings: OperatorSettings) => Room)[] = [pairRoom, drillRoom, hallRoom];
