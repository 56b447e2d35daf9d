/**
 * Rules of the protocol that the simulated surroundings can take away, to show that the simulation would notice. The core itself has no
 * such switch.
 *
 * gate         A standby's PostgreSQL acknowledges from the moment of its promotion.
 * casDegrade   The primary commits alone before the record says so.
 * addOrder     The record says sync before PostgreSQL waits for the standby.
 * startBlind   A restarted agent believes what it remembers instead of asking the arbiter.
 * settle       Settling reads the record instead of raising its sequence.
 * proof        Data that is being rewound or copied passes for complete.
 * silentRetry  A client's retry that finds its row returns without writing, and so without waiting.
 * biteProof    An admission does not look whether a commit waits behind the gate.
 * shortLog     A claimant does not look how far its promotion could read the log.
 * restProof    An admission does not look whether an older gate may still come into force.
 * timeline     A standby calls the leader's timeline its own, whatever it stands on.
 * recovered    Readers are let in before the standby has what recovery brought back.
 * selfFence    A member that reaches nobody keeps its readers.
 * memory       An agent that starts anew does not know which records its earlier lives have seen.
 * twoPaths     The standby never hears its remote canary, so that the heartbeat alone decides.
 * ownPauses    An agent that was stopped counts the time as if it had listened.
 * claim        A standby's claim never reaches the arbiter.
 * patience     A standby that flaps is waited for again at once, however often it was lost.
 * pause        A member that is told that a person holds failover does not heed it.
 */
export const sabotages = [
  'gate',
  'casDegrade',
  'addOrder',
  'startBlind',
  'settle',
  'proof',
  'silentRetry',
  'biteProof',
  'restProof',
  'shortLog',
  'timeline',
  'recovered',
  'selfFence',
  'memory',
  'twoPaths',
  'ownPauses',
  'claim',
  'patience',
  'pause',
] as const;
export type Sabotage = (typeof sabotages)[number];
