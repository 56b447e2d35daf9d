import { within } from '#lib/base/deadline.ts';
import { messageOf } from '#lib/base/errors.ts';
import { doubledMs } from '#lib/base/retry.ts';
import type { MemberState } from '#lib/pair/member-state.ts';
import { outputsOf } from '#lib/pair/outputs.ts';
import type { PostgresInstance, SqlLine } from '#lib/postgres/instance.ts';
import type { PostgresLane } from './postgres-lane.ts';

const everyMs = 1_000;
const slotEveryMs = 10_000;
const replayEveryMs = 2_000;
const workMaxMs = 30_000;
const checkpointMaxMs = 300_000;

/** A checkpoint near a take-over would hold up the gate; after this time it may come, so that the other member can rewind against us. */
const checkpointAfterMs = 1_500;

/** Between attempts to make roles and databases when something of a person's refuses it, as an event trigger does. */
const bootstrapRetry = { firstMs: everyMs, maxMs: 60_000 } as const;

/**
 * What PostgreSQL needs beside the protocol and at leisure: roles and databases on a primary, also when a person dropped one or made
 * another, a checkpoint on its new timeline, and on a standby a slot that keeps no more WAL than a rewind would need, and a start anew
 * when its replay has paused for want of higher limits. A failure is logged and tried again, and keeps none of the others from being done.
 */
export async function runUpkeep(lane: PostgresLane, state: () => MemberState, signal: AbortSignal): Promise<void> {
  const { clock, instance } = lane;
  const line = instance.openLine('upkeep');
  const tasks = [
    rolesAndDatabases(instance, line),
    peerSlot(instance, line),
    checkpointOfTimeline(lane, line),
    standbySlot(instance, line),
    pausedReplay(lane, line),
  ];
  while (!signal.aborted) {
    const now = clock.nowMs();
    const seen = state();
    for (const { what, run } of tasks) {
      try {
        await run(seen, now, signal);
      } catch (error) {
        if (!signal.aborted) lane.log.warn({ what, error: messageOf(error) }, 'upkeep of PostgreSQL failed and is tried again');
      }
    }
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}

interface UpkeepTask {
  readonly what: string;
  readonly run: (state: MemberState, nowMs: number, signal: AbortSignal) => Promise<void>;
}

const leads = (state: MemberState): boolean => outputsOf(state).access.to === 'open';

function rolesAndDatabases(instance: PostgresInstance, line: SqlLine): UpkeepTask {
  let done = '';
  let failures = 0;
  let retryAtMs = 0;
  const run: UpkeepTask['run'] = async (state, now, signal) => {
    const { access } = outputsOf(state);
    if (access.to !== 'open' || now < retryAtMs) return;
    const limit = within(workMaxMs, 'making roles and databases', signal);
    // Seen before the work: what comes meanwhile is done the next time.
    const needed = `${access.epoch} ${state.postgres.systemIdentifier ?? ''} ${await instance.databasesNow(line, limit)}`;
    if (needed === done) return;
    try {
      await instance.bootstrap(limit);
      done = needed;
      failures = 0;
    } catch (error) {
      failures += 1;
      retryAtMs = now + doubledMs(failures, bootstrapRetry);
      throw error;
    }
  };
  return { what: 'roles and databases', run };
}

/** A standby was away for longer than its log is kept: without a new slot it could not even be copied. */
function peerSlot(instance: PostgresInstance, line: SqlLine): UpkeepTask {
  let lastMs: number | undefined;
  const run: UpkeepTask['run'] = async (state, now, signal) => {
    if (!leads(state) || state.postgres.peerAttached || (lastMs !== undefined && now - lastMs < slotEveryMs)) return;
    lastMs = now;
    await instance.ensurePeerSlot(line, within(workMaxMs, 'keeping a slot for the peer', signal));
  };
  return { what: 'the slot for the peer', run };
}

function checkpointOfTimeline(lane: PostgresLane, line: SqlLine): UpkeepTask {
  let openSinceMs: number | undefined;
  let checkpointed = 0;
  const run: UpkeepTask['run'] = async (state, now, signal) => {
    openSinceMs = leads(state) ? (openSinceMs ?? now) : undefined;
    const status = lane.lastStatus;
    if (status === undefined || status.inRecovery || status.checkpointTimeline >= status.timeline || checkpointed === status.timeline)
      return;
    if (openSinceMs === undefined || now - openSinceMs < checkpointAfterMs) return;
    checkpointed = status.timeline;
    await line.query('CHECKPOINT', [], within(checkpointMaxMs, 'the checkpoint of the new timeline', signal));
  };
  return { what: 'the checkpoint of the new timeline', run };
}

function standbySlot(instance: PostgresInstance, line: SqlLine): UpkeepTask {
  let lastMs: number | undefined;
  const run: UpkeepTask['run'] = async ({ postgres }, now, signal) => {
    if (postgres.process !== 'running' || postgres.role !== 'standby' || !postgres.consistent) return;
    if (lastMs !== undefined && now - lastMs < slotEveryMs) return;
    lastMs = now;
    const limit = within(workMaxMs, 'keeping a slot for the peer', signal);
    await instance.warm(limit);
    await instance.ensurePeerSlot(line, limit);
    await instance.advancePeerSlot(line, limit);
  };
  return { what: 'the slot on the standby', run };
}

/** The primary was started with higher limits than this standby: it streams and acknowledges, but would end when it is promoted. */
function pausedReplay({ instance, log }: PostgresLane, line: SqlLine): UpkeepTask {
  let lastMs: number | undefined;
  const run: UpkeepTask['run'] = async ({ postgres, operation, takeover }, now, signal) => {
    if (postgres.process !== 'running' || postgres.role !== 'standby' || operation !== undefined || takeover !== undefined) return;
    if (lastMs !== undefined && now - lastMs < replayEveryMs) return;
    lastMs = now;
    const limit = within(workMaxMs, 'looking at the replay', signal);
    if (!(await instance.replayLacks(line, limit))) return;
    log.warn({}, 'the primary was started with higher limits than this standby, whose replay has paused: it is started anew');
    await instance.killAll(limit);
  };
  return { what: 'the replay', run };
}
