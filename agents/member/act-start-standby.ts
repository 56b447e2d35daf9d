import { within } from '#lib/base/deadline.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { PostgresLane } from './postgres-lane.ts';

/** A standby starts this long at most before it counts as running, though it may not be consistent and answer yet. */
const standbyReadyMs = 10_000;
const slotMaxMs = 10_000;

/** Starts behind the gate, streaming from the peer or from nobody. */
export async function startStandby(lane: PostgresLane, upstream: boolean, signal: AbortSignal): Promise<void> {
  const { instance } = lane;
  lane.started(await instance.start({ as: 'standby', follow: upstream, clients: 'closed' }, signal), 'standby');
  const ready = within(standbyReadyMs, 'starting the standby', signal);
  try {
    await instance.waitReady(ready);
    await instance.ensurePeerSlot(lane.control, within(slotMaxMs, 'keeping a slot for the peer', signal));
  } catch (error) {
    signal.throwIfAborted();
    // The lane hears of an end only after the log was read: right after it the server still counts as running.
    if (!lane.running || codeOf(error) === 'HK_POSTGRES_NOT_STARTED') throw error;
    // It replays, or waits for its stream; whether it streams is seen by the next looks.
    lane.log.info({ error: messageOf(error) }, 'the standby runs and does not answer yet');
  }
}
