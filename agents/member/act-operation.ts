import { within } from '#lib/base/deadline.ts';
import { messageOf } from '#lib/base/errors.ts';
import { unreachable } from '#lib/base/invariant.ts';
import type { Operation, SyncNames } from '#lib/pair/member-state.ts';
import { postgresErrors } from '#lib/postgres/errors.ts';
import type { Lsn } from '#lib/postgres/lsn.ts';
import { formatLsn } from '#lib/postgres/lsn.ts';
import { admit } from './act-admit.ts';
import { gateOf } from './picture.ts';
import type { PostgresLane } from './postgres-lane.ts';
import { ownLineage, rejoin } from './act-rejoin.ts';
import { startStandby } from './act-start-standby.ts';

const primaryReadyMs = 600_000;
const fenceMaxMs = 100;
const promoteMaxMs = 600_000;
const admitMaxMs = 2_000;
const checkpointMaxMs = 60_000;
const stopMaxMs = 10_000;
const killMaxMs = 30_000;
const initialiseMaxMs = 300_000;
const settingMaxMs = 30_000;

/** Carries out one operation of the core, in the words of lib/postgres. Decides nothing. */
export async function operate(lane: PostgresLane, what: Operation, signal: AbortSignal): Promise<void> {
  const { instance } = lane;
  switch (what.do) {
    case 'initialise':
      return initialise(lane, within(initialiseMaxMs, 'initialising the data', signal));
    case 'startPrimary':
      return startPrimary(lane, what, signal);
    case 'becomePrimary':
      await instance.setFollow(false, within(settingMaxMs, 'leaving the stream', signal));
      return promoteTo(lane, what.names, signal);
    case 'startStandby':
      return startStandby(lane, what.upstream, signal);
    case 'follow':
      await instance.setFollow(true, within(settingMaxMs, 'following the peer', signal));
      return lane.attached();
    case 'rejoin':
      return rejoin(lane, what.anew === true, signal);
    case 'prove':
      return prove(lane, signal);
    case 'admit':
      return admit(lane, within(admitMaxMs, 'admitting the standby', signal));
    case 'setNames':
      return lane.door.withGate((clients) =>
        instance.setGate(gateOf[what.names], within(settingMaxMs, 'setting whom commits wait for', signal), clients),
      );
    case 'fence':
      if (await instance.fence(lane.control, fenceMaxMs, signal)) lane.detached();
      return undefined;
    case 'promote':
      await instance.promote(lane.control, within(promoteMaxMs, 'promotion', signal));
      return undefined;
    case 'checkpoint':
      await lane.control.query('CHECKPOINT', [], within(checkpointMaxMs, 'the checkpoint', signal));
      return undefined;
    case 'handOver':
      return lane.ending(() => instance.stop(within(stopMaxMs, 'stopping PostgreSQL', signal)));
    case 'kill':
      return lane.ending(() => instance.killAll(within(killMaxMs, 'killing PostgreSQL')));
    default:
      return unreachable(what);
  }
}

/**
 * Makes the data and everything a pair needs in it. The proof comes last: interrupted, the next attempt goes on where this one stopped,
 * because the record names no data yet and so nobody can have led with it.
 */
async function initialise(lane: PostgresLane, signal: AbortSignal): Promise<void> {
  const { instance } = lane;
  const before = await instance.inspectData(signal);
  const { systemIdentifier, timeline } = before.holds === 'cluster' ? before.control : await instance.initialise(signal);
  if (!lane.running) lane.started(await instance.start({ as: 'primary', gate: 'none', clients: 'closed' }, signal), 'primary');
  await instance.waitReady(signal);
  await instance.bootstrap(signal);
  await lane.ending(() => instance.stop(signal));
  await instance.writeProof({ systemIdentifier, timeline });
  lane.proven(systemIdentifier);
}

/**
 * Starts as primary. Data of a standby that was never promoted is promoted on the way, so that two pasts never share a timeline;
 * data of a primary is not, as when a claim is taken back.
 */
async function startPrimary(
  lane: PostgresLane,
  { names, atLeast }: Extract<Operation, { do: 'startPrimary' }>,
  signal: AbortSignal,
): Promise<void> {
  const { instance } = lane;
  const facts = await instance.inspectData(signal);
  const state = facts.holds === 'cluster' ? facts.control.state : undefined;
  // After a clean shutdown pg_control itself knows the end.
  const crashed = state === 'inProduction' || state === 'inCrashRecovery';
  if (crashed && atLeast !== undefined) await refuseShortLog(lane, atLeast, signal);
  const inTime = within(primaryReadyMs, 'starting PostgreSQL', signal);
  if (state === 'inArchiveRecovery' || state === 'shutDownInRecovery') {
    lane.started(await instance.start({ as: 'standby', follow: false, clients: 'closed' }, inTime), 'standby');
    await instance.waitReady(inTime);
    await promoteTo(lane, names, inTime);
  } else {
    lane.started(await instance.start({ as: 'primary', gate: gateOf[names], clients: 'closed' }, inTime), 'primary');
    await instance.waitReady(inTime);
  }
  lane.recoveredAt((await instance.status(lane.control, inTime)).flushLsn ?? 0n);
  // Who takes a claim back proves first that it can write at all.
  if (names === 'gate') await instance.commitLocal(lane.control, inTime);
}

/**
 * Reads the own log as recovery will, before anything is started: a server that runs, with less than the standby has replayed, would
 * even overwrite the standby's log.
 *
 * @throws HK_POSTGRES_LOG_ENDS_EARLY
 */
async function refuseShortLog(lane: PostgresLane, atLeast: Lsn, signal: AbortSignal): Promise<void> {
  const mine = await ownLineage(lane, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    lane.log.warn({ error: messageOf(error) }, 'the own log could not be read before the start; the standby is asked when PostgreSQL runs');
  });
  if (mine === undefined) return;
  const end = mine.readToLsn ?? mine.endLsn;
  lane.log.info({ end: formatLsn(end), standby: formatLsn(atLeast) }, 'the own log was read before the start');
  if (end < atLeast)
    throw postgresErrors.HK_POSTGRES_LOG_ENDS_EARLY(`it ends at ${formatLsn(end)}, and the standby has replayed ${formatLsn(atLeast)}`);
}

async function promoteTo(lane: PostgresLane, names: SyncNames, signal: AbortSignal): Promise<void> {
  await lane.instance.promote(lane.control, within(promoteMaxMs, 'promotion', signal));
  if (names !== 'gate') await lane.instance.setGate(gateOf[names], signal);
}

async function prove(lane: PostgresLane, signal: AbortSignal): Promise<void> {
  const { systemIdentifier, timeline } = await lane.instance.status(lane.control, within(settingMaxMs, 'looking at the copy', signal));
  await lane.instance.writeProof({ systemIdentifier, timeline });
  lane.proven(systemIdentifier);
}
