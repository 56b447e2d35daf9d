import type { Gate, PostgresInstance, StatusSnapshot } from '#lib/postgres/instance.ts';
import { gateName, applicationNameOf } from '#lib/postgres/names.ts';
import type { LocalPostgres, SyncNames } from '#lib/pair/member-state.ts';
import type { LogPlace } from '#lib/pair/pair-record.ts';
import { unseenPostgres } from '#lib/pair/member-state.ts';

/** Names and gate are one thing in two rooms' words. */
export const gateOf: Readonly<Record<SyncNames, Gate>> = { gate: 'closed', peer: 'peer', none: 'none' };

/** What a session's `synchronous_standby_names` means. Anything unknown counts as the gate: it acknowledges nothing that we know of. */
export function namesOf(setting: string, peer: string): SyncNames {
  if (setting === '') return 'none';
  return !setting.includes(gateName) && setting.includes(applicationNameOf(peer)) ? 'peer' : 'gate';
}

/** The picture while PostgreSQL is down: what the data directory and the proof beside it say. */
export async function pictureDown(instance: PostgresInstance, signal: AbortSignal): Promise<LocalPostgres> {
  const facts = await instance.inspectData(signal);
  if (facts.holds !== 'cluster') return { ...unseenPostgres, data: facts.holds === 'nothing' ? 'empty' : 'incomplete' };
  const { systemIdentifier, checkpointLsn } = facts.control;
  const proof = await instance.readProof();
  const complete = proof?.systemIdentifier === systemIdentifier;
  return { ...unseenPostgres, data: complete ? 'complete' : 'incomplete', systemIdentifier, flush: checkpointLsn, replay: checkpointLsn };
}

/** The picture of a running server, from one status query. */
export function pictureRunning(
  status: StatusSnapshot,
  about: {
    readonly peer: string;
    readonly proven: string | undefined;
    readonly recovered: bigint | undefined;
    readonly look: number;
    readonly left: readonly LogPlace[];
  },
): LocalPostgres {
  const peer = status.peers.find(({ applicationName }) => applicationName === applicationNameOf(about.peer));
  const flush = status.flushLsn ?? 0n;
  return {
    process: 'running',
    role: status.inRecovery ? 'standby' : 'primary',
    names: namesOf(status.synchronousStandbyNames, about.peer),
    data: about.proven === status.systemIdentifier ? 'complete' : 'incomplete',
    systemIdentifier: status.systemIdentifier,
    upstream: status.inRecovery && status.primaryConninfoSet,
    streaming: status.receiver?.status === 'streaming',
    consistent: status.inRecovery,
    timeline: status.timeline,
    flush,
    replay: status.replayLsn ?? flush,
    peerAttached: peer?.state === 'streaming',
    peerFlush: peer?.flushLsn ?? 0n,
    recovered: about.recovered ?? flush,
    look: about.look,
    left: about.left,
  };
}
