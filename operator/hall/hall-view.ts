import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import type { Routing } from '../notifications/routing-board.ts';
import type { ClaimHolder } from './claim.ts';
import type { RosterAttempt } from './fleet-link.ts';
import type { FleetPicture } from './fleet-picture.ts';

/** What the connection to the hall server shows. */
export interface LinkView {
  readonly picture: FleetPicture;
  /** 0 while it stands. */
  readonly lostMs: number;
  readonly attempt: RosterAttempt | undefined;
}

/** What a person must put right about a Secret. */
export interface SecretProblem {
  readonly reason: 'SecretUnusable' | 'AuthorityLost';
  readonly message: string;
}

/** Everything a decision about a Hall's status may know. */
export interface HallView {
  readonly hall: Hall;
  readonly terminals: readonly Terminal[];
  /** Absent: there is none of this name. */
  readonly pair: FailoverPair | undefined;
  readonly nameTakenBy: ClaimHolder | undefined;
  readonly pairTakenBy: ClaimHolder | undefined;
  /** Whether the pair has its authority, without which nothing can be issued. */
  readonly pairIsReady: boolean;
  /** What is wrong with a Secret of ours. */
  readonly secretProblem: SecretProblem | undefined;
  readonly link: LinkView | undefined;
  /** Revision of the roster as it should be. */
  readonly rosterRevision: string;
  /** Absent: the notifications were not made yet since this process began. */
  readonly routing: Routing | undefined;
  readonly nowWallMs: number;
}
