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
 */
export const sabotages = ['gate', 'casDegrade', 'addOrder', 'startBlind', 'settle', 'proof', 'silentRetry'] as const;
export type Sabotage = (typeof sabotages)[number];
