import { decideOperation } from '#lib/pair/decide-operation.ts';
import { factsOf, peerFactsOf } from '#lib/pair/member-facts.ts';
import { recordOf } from '#lib/pair/member-state.ts';
import type { MemberState } from '#lib/pair/member-state.ts';
import { failoverBlockedBy, outputsOf } from '#lib/pair/outputs.ts';
import { formatLsn } from '#lib/postgres/lsn.ts';
import type { Lineage } from '#lib/postgres/instance.ts';
import { straysMax, switchesMax } from './contract-status.ts';
import type { FailoverReport, LogPast, MemberStatus } from './contract-status.ts';

export interface StatusFacts {
  readonly version: string;
  readonly settingsRevision: string;
  readonly timeline: number;
  /** Where the log of a stopped PostgreSQL ends, and its past, when that was looked up. */
  readonly stopped: Lineage | undefined;
  readonly progressPercent: number | undefined;
  readonly stepSeconds: number;
  readonly diskFreePercent: number | undefined;
  readonly loweredCommits: readonly string[];
  readonly certificateExpiresAt: string;
  readonly dns: MemberStatus['dns'];
  readonly service: MemberStatus['service'];
  readonly failovers: readonly FailoverReport[];
  readonly operations: MemberStatus['operations'];
}

/** What the member does or waits for right now, in words; a copy tells its progress in steps of ten percent. */
export function stepInWords(state: MemberState, progressPercent: number | undefined): string {
  const { operation } = state;
  if (operation === undefined) return decideOperation(state).why;
  const progress = progressPercent === undefined ? '' : ` ${Math.floor(progressPercent / 10) * 10} %`;
  return `${operation.what.do}${progress}`;
}

/** The answer of `GET /v1/status`, from the core's state and what only the shell knows. */
export function statusOf(state: MemberState, facts: StatusFacts): MemberStatus {
  const record = recordOf(state);
  const { postgres } = state;
  const running = postgres.process === 'running';
  const leads = running && postgres.role === 'primary';
  const lag = postgres.flush > postgres.peerFlush ? postgres.flush - postgres.peerFlush : 0n;
  const { timeline, progressPercent, stopped, ...rest } = facts;
  const own = factsOf(state);
  return {
    ...rest,
    member: state.self,
    record:
      record === undefined
        ? undefined
        : { mode: record.mode, primary: record.primary ?? '-', epoch: record.epoch, sequence: record.sequence },
    role: running ? postgres.role : 'none',
    serving: outputsOf(state).access.to === 'open',
    step: stepInWords(state, progressPercent),
    timeline,
    flushPosition: formatLsn(running ? postgres.flush : (stopped?.endLsn ?? postgres.flush)),
    positionExact: running || stopped !== undefined,
    past: running || stopped === undefined ? undefined : pastOf(stopped),
    lagBytes: leads && postgres.peerAttached ? Number(lag) : undefined,
    peerHeard: own.hearsPeer,
    arbiterReached: own.arbiterReached,
    blockedBy: failoverBlockedBy(state),
    facts: own,
    peer: peerFactsOf(state),
    systemIdentifier: postgres.systemIdentifier,
  };
}

function pastOf({ switches, start, strayHistories }: Lineage): LogPast | undefined {
  const told = (entries: Lineage['switches']): LogPast['switches'] =>
    entries.map(({ timeline, endLsn }) => ({ timeline, end: formatLsn(endLsn) }));
  const strays = strayHistories.map((stray) => ({ timeline: stray.timeline, switches: told(stray.switches) }));
  const long = [switches, ...strays.map((stray) => stray.switches)].some(({ length }) => length > switchesMax);
  return long || strays.length > straysMax ? undefined : { switches: told(switches), start, strays };
}
