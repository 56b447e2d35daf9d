import { within } from '#lib/base/deadline.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { MemberState } from '#lib/pair/member-state.ts';
import { outputsOf } from '#lib/pair/outputs.ts';
import type { PostgresLane } from './postgres-lane.ts';

const everyMs = 1_000;
const slotEveryMs = 10_000;
const workMaxMs = 30_000;
const checkpointMaxMs = 300_000;

/** A checkpoint near a take-over would hold up the gate; after this time it may come, so that the other member can rewind against us. */
const checkpointAfterMs = 1_500;

/**
 * What PostgreSQL needs beside the protocol and at leisure: roles and databases on a primary, a checkpoint on its new timeline, and on
 * a standby a slot that keeps no more WAL than a rewind would need. Failures are logged and tried again.
 */
export async function runUpkeep(lane: PostgresLane, state: () => MemberState, signal: AbortSignal): Promise<void> {
  const { instance, clock, log } = lane;
  const slots = instance.openLine('slots');
  let bootstrapped = '';
  let openSinceMs: number | undefined;
  let checkpointed = 0;
  let slotMs = 0;
  while (!signal.aborted) {
    const now = clock.nowMs();
    const { access } = outputsOf(state());
    const { postgres } = state();
    openSinceMs = access.to === 'open' ? (openSinceMs ?? now) : undefined;
    try {
      if (access.to === 'open' && bootstrapped !== `${access.epoch} ${postgres.systemIdentifier ?? ''}`) {
        await instance.bootstrap(within(workMaxMs, 'making roles and databases', signal));
        bootstrapped = `${access.epoch} ${postgres.systemIdentifier ?? ''}`;
      }
      if (access.to === 'open' && !postgres.peerAttached && now - slotMs >= slotEveryMs) {
        // A standby was away for longer than its log is kept: without a new slot it could not even be copied.
        slotMs = now;
        await instance.ensurePeerSlot(slots, within(workMaxMs, 'keeping a slot for the peer', signal));
      }
      const status = lane.lastStatus;
      const behind =
        status !== undefined && !status.inRecovery && status.checkpointTimeline < status.timeline && checkpointed !== status.timeline;
      if (behind && openSinceMs !== undefined && now - openSinceMs >= checkpointAfterMs) {
        checkpointed = status.timeline;
        await slots.query('CHECKPOINT', [], within(checkpointMaxMs, 'the checkpoint of the new timeline', signal));
      }
      if (postgres.process === 'running' && postgres.role === 'standby' && postgres.consistent && now - slotMs >= slotEveryMs) {
        slotMs = now;
        const limit = within(workMaxMs, 'keeping a slot for the peer', signal);
        await instance.warm(limit);
        await instance.ensurePeerSlot(slots, limit);
        await instance.advancePeerSlot(slots, limit);
        const { operation, takeover } = state();
        if (operation === undefined && takeover === undefined && (await instance.replayLacks(slots, limit))) {
          log.warn({}, 'the primary runs with higher limits than this standby, whose replay has paused: it starts anew');
          await instance.stop(limit);
        }
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ error: messageOf(error) }, 'upkeep of PostgreSQL failed and is tried again');
    }
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}
