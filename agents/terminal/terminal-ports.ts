import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import type { FindEndpoints } from '#lib/link/endpoint.ts';
import type { EpochMemory } from './epoch-memory.ts';

export interface TerminalNames {
  readonly hall: string;
  readonly terminal: string;
  readonly pairUid: string;
  readonly agentVersion: string;
  /** 16 random bytes, drawn once when the agent starts. */
  readonly runId: Uint8Array;
}

/** What the game on this terminal says of itself. */
export interface GameReading {
  /** Changes whenever the game's main loop has run; absent until it reported first. */
  readonly progress?: bigint;
  readonly localApi: 'absent' | 'working' | 'failing';
}

export interface TerminalPorts {
  readonly findEndpoints: FindEndpoints;
  readonly credentials: () => ChannelCredentials;
  readonly epochs: EpochMemory;
  readonly readGame: () => GameReading;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}
