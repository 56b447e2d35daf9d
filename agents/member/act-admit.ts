import { defineErrors } from '#lib/base/errors.ts';
import type { PostgresInstance } from '#lib/postgres/instance.ts';
import { applicationNameOf } from '#lib/postgres/names.ts';
import type { PostgresLane } from './postgres-lane.ts';

export const admissionErrors = defineErrors({
  HK_MEMBER_ADMISSION: { retry: 'backoff', says: 'the standby was not admitted' },
});

const pollMs = 5;

/** What of the lane an admission needs. */
export interface AdmissionLane extends Pick<PostgresLane, 'peer' | 'clock' | 'control' | 'waiting'> {
  readonly instance: Pick<PostgresInstance, 'setGate' | 'checkpointerRests' | 'provesClosed' | 'status'>;
}

/**
 * PostgreSQL first: gate, proof that it bites, the peer's name, own flush position, and the peer has passed it. The proof is of this gate
 * only when nothing older is about to come into force, or a commit could wait for the gate of an earlier attempt and be let go by the
 * word that ended it. Before the gate the peer must pass what is there already, while nobody waits for it: a stream may be shown that
 * stands still, as when the walsender hangs, and each attempt would make clients wait until it is given up.
 *
 * @throws HK_MEMBER_ADMISSION, and the reason of the signal when the peer does not get there in time.
 */
export async function admit(lane: AdmissionLane, signal: AbortSignal): Promise<void> {
  const { instance } = lane;
  await peerPasses(lane, signal);
  await instance.setGate('closed', signal);
  await instance.checkpointerRests(lane.control, signal);
  if (!(await instance.provesClosed(lane.waiting, lane.control, signal))) {
    throw admissionErrors.HK_MEMBER_ADMISSION('a commit did not wait behind the closed gate');
  }
  await instance.setGate('peer', signal);
  await peerPasses(lane, signal);
}

/** Waits until the peer has flushed everything that this member has flushed by now. */
async function peerPasses(lane: AdmissionLane, signal: AbortSignal): Promise<void> {
  const { instance, control, peer, clock } = lane;
  const target = (await instance.status(control, signal)).flushLsn ?? 0n;
  for (;;) {
    signal.throwIfAborted();
    const { peers } = await instance.status(control, signal);
    const shown = peers.find(({ applicationName }) => applicationName === applicationNameOf(peer));
    if (shown?.state !== 'streaming') throw admissionErrors.HK_MEMBER_ADMISSION('its stream ended');
    if ((shown.flushLsn ?? 0n) >= target) return;
    await clock.sleep(pollMs, signal);
  }
}
