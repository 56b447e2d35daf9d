import { within } from '#lib/base/deadline.ts';
import { codeOf } from '#lib/base/errors.ts';
import { decideRejoin, lastShared } from '#lib/postgres/decide-rejoin.ts';
import type { RejoinDecision } from '#lib/postgres/decide-rejoin.ts';
import { blamesSettings } from '#lib/postgres/start-fault.ts';
import type { Lineage } from '#lib/postgres/instance.ts';
import { formatLsn } from '#lib/postgres/lsn.ts';
import { startStandby } from './act-start-standby.ts';
import type { PostgresLane } from './postgres-lane.ts';

const stopMaxMs = 10_000;
const killMaxMs = 30_000;
const lineageMaxMs = 60_000;
/** The own log is read from its last checkpoint to its end: it may take as long as the slowest disk that is of use needs for all of it. */
const logBytesPerMs = 4_000;
/** A log that was not read to its end so often in time is not read again: the primary is copied. */
const comparisonsLateMax = 2;
/** A promoted source may take so long until its checkpoint shows the new timeline, before which pg_rewind sees no difference. */
const checkpointSeenMs = 60_000;
const checkpointPollMs = 200;
const rewindMaxMs = 3_600_000;
/** Data on which PostgreSQL ended so often while it started is copied anew. */
const startsFailedMax = 3;
const copyMaxMs = 24 * 3_600_000;

/** Only what the replication role may ask: whether the last checkpoint is of the timeline that is written now. */
const checkpointedQuery = `
SELECT (SELECT timeline_id FROM pg_control_checkpoint())
  >= ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS done`;

/** Brings this member back as a standby of the living primary: streams, rewinds or copies, whatever its past allows; `anew` copies. */
export async function rejoin(lane: PostgresLane, anew: boolean, signal: AbortSignal): Promise<void> {
  const { instance, log } = lane;
  if (lane.running) await lane.ending(() => stopOrKill(lane));
  const decision = anew ? asked : await compare(lane, signal);
  log.info({ does: decision.do, why: decision.why }, 'rejoining');
  if (decision.do === 'rewind') {
    lane.proven(undefined);
    await sourceCheckpointed(lane, within(checkpointSeenMs, "the primary's checkpoint", signal));
    const result = await instance.rewind(within(rewindMaxMs, 'rewinding', signal));
    log.info({ did: result.did, why: 'why' in result ? result.why : undefined }, 'rewound');
    lane.attempts.rewindFoundNothing = result.did === 'nothing';
    if (result.did === 'failed') await copy(lane, signal);
  } else if (decision.do === 'copy') {
    await copy(lane, signal);
  }
  try {
    await startStandby(lane, true, signal);
    lane.attempts.startsFailed = 0;
  } catch (error) {
    if (codeOf(error) === 'HK_POSTGRES_NOT_STARTED' && !blamesSettings(await instance.logTail())) lane.attempts.startsFailed += 1;
    throw error;
  }
}

const asked: RejoinDecision = { do: 'copy', why: 'it was asked for' };

async function stopOrKill({ instance }: PostgresLane): Promise<void> {
  try {
    await instance.stop(within(stopMaxMs, 'stopping PostgreSQL'));
  } catch {
    await instance.killAll(within(killMaxMs, 'killing PostgreSQL'));
  }
}

async function compare(lane: PostgresLane, signal: AbortSignal): Promise<RejoinDecision> {
  const { instance } = lane;
  const facts = await instance.inspectData(signal);
  if (facts.holds !== 'cluster') return { do: 'copy', why: facts.holds === 'nothing' ? 'there is no data here' : facts.why };
  if ((await instance.readProof()) === undefined) return { do: 'copy', why: 'the data here has no proof of completeness' };
  const { rewindFoundNothing, startsFailed, comparisonsLate } = lane.attempts;
  // Once only: what does not start after a copy either is no fault of the data.
  if (startsFailed === startsFailedMax) return { do: 'copy', why: `PostgreSQL did not start on the data here ${startsFailed} times` };
  if (comparisonsLate >= comparisonsLateMax)
    return { do: 'copy', why: `the log here was not read to its end in time, ${comparisonsLate} times` };
  const mine = await ownLineage(lane, signal);
  const line = instance.openReplicationLine('lineage');
  try {
    const theirs = await instance.runningLineage(line, within(lineageMaxMs, 'reading the past of the primary', signal));
    const decision = decideRejoin(mine, theirs);
    const shared = lastShared(decision, mine);
    if (shared !== undefined && !(await instance.sharesLog(line, shared, within(lineageMaxMs, 'comparing both logs', signal))))
      return { do: 'copy', why: `the logs differ before ${formatLsn(shared.lsn)} on timeline ${shared.timeline}` };
    if (decision.do === 'rewind' && rewindFoundNothing) return { do: 'copy', why: `pg_rewind found nothing to do, and ${decision.why}` };
    return decision;
  } finally {
    await line.close();
  }
}

/** The past of the own, stopped data; how long that may take goes by how much log there is. */
export async function ownLineage(lane: PostgresLane, signal: AbortSignal): Promise<Lineage> {
  const { instance, attempts } = lane;
  const maxMs = lineageMaxMs + Math.ceil((await instance.logBytes()) / logBytesPerMs);
  try {
    const mine = await instance.stoppedLineage(within(maxMs, 'reading the own log', signal));
    attempts.comparisonsLate = 0;
    return mine;
  } catch (error) {
    if (codeOf(error) === 'HK_DEADLINE') attempts.comparisonsLate += 1;
    throw error;
  }
}

async function sourceCheckpointed(lane: PostgresLane, signal: AbortSignal): Promise<void> {
  const line = lane.instance.openReplicationLine('checkpoint');
  try {
    for (;;) {
      const { rows } = await line.query(checkpointedQuery, [], signal);
      if (rows[0]?.['done'] === 't') return;
      await lane.clock.sleep(checkpointPollMs, signal);
    }
  } finally {
    await line.close();
  }
}

async function copy(lane: PostgresLane, signal: AbortSignal): Promise<void> {
  lane.proven(undefined);
  lane.attempts.rewindFoundNothing = false;
  lane.attempts.comparisonsLate = 0;
  await lane.instance.copy(({ percent }) => (lane.progressPercent = percent), within(copyMaxMs, 'copying the primary', signal));
}
