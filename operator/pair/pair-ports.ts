import type { OperatorPorts } from '../frame.ts';
import type { GatherPorts } from './gather-pair.ts';
import type { MemberClient } from './member-client.ts';
import type { OperatorCertificates } from './operator-certificates.ts';
import type { Nudge } from '../nudge.ts';

/** What the controllers of pairs share beyond what every controller has. */
export interface PairPorts extends OperatorPorts, GatherPorts {
  readonly members: MemberClient;
  readonly certificates: OperatorCertificates;
  /** Told by key of the pair whenever something outside the cluster was looked at. */
  readonly observed: Nudge;
}
