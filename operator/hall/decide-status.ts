import type { Hall, HallStatus, HallStatusFailoverReady, HallStatusLastIncident, HallStatusTerminals } from '#lib/api/hall.gen.ts';
import type { TerminalStatusState } from '#lib/api/terminal.gen.ts';
import { findCondition, setCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { holderText } from './claim.ts';
import { refusalsOf } from './decide-refusal.ts';
import type { HallStatement } from './hall-conditions.ts';
import type { HallView } from './hall-view.ts';

/** A connection that is lost for less is being made anew, as at every failover, and nobody is told. */
export const fleetLostAfterMs = 5_000;

/** The whole status of a Hall. The same view gives the same status. */
export function decideStatus(view: HallView): HallStatus {
  const { hall, pair, pairTakenBy, nameTakenBy, nowWallMs } = view;
  const { generation } = hall.metadata;
  const statements = [readiness(view), reachability(view), routing(view)].filter((statement) => statement !== undefined);
  const before = (hall.status?.conditions ?? []) as readonly Condition[];
  const conditions = statements.reduce(
    (all, statement) => setCondition(all, { ...statement, observedGeneration: generation }, nowWallMs),
    before,
  );
  const served = pairTakenBy === undefined && nameTakenBy === undefined ? pair?.status : undefined;
  const lastIncident = incidentOf(served?.lastFailover) ?? hall.status?.lastIncident;
  return {
    observedGeneration: generation,
    conditions,
    terminals: countTerminals(view),
    ...(served?.primary === undefined ? {} : { primary: served.primary }),
    ...(served?.epoch === undefined ? {} : { epoch: served.epoch }),
    failoverReady: failoverReadiness(served?.conditions),
    ...(lastIncident === undefined ? {} : { lastIncident }),
  };
}

function readiness(view: HallView): HallStatement {
  const { hall, pair, nameTakenBy, pairTakenBy, secretProblem, pairIsReady, link, rosterRevision, terminals } = view;
  const { name } = hall.spec.failoverPairRef;
  const refused =
    link?.attempt?.revision === rosterRevision && link.attempt.refused ? [`the hall server refuses the roster: ${link.attempt.why}`] : [];
  const problems = [...refusalsOf(hall, terminals.length), ...refused];
  const not = (
    reason: Exclude<Extract<HallStatement, { type: 'Ready' }>['reason'], 'Accepted'>,
    why: readonly string[],
  ): HallStatement => ({
    type: 'Ready',
    status: 'False',
    reason,
    message: why.join('; '),
  });
  if (nameTakenBy !== undefined) {
    return not('NameTaken', [
      `the name belongs to the Hall ${holderText(nameTakenBy)}: choose another one, names of halls are unique in the cluster`,
    ]);
  }
  if (pair === undefined)
    return not('PairMissing', [`there is no FailoverPair ${name} in this namespace: create it, or correct failoverPairRef`, ...problems]);
  if (pairTakenBy !== undefined) {
    return not('PairTaken', [
      `the FailoverPair ${name} serves the Hall ${pairTakenBy.name}: give this Hall a pair of its own`,
      ...problems,
    ]);
  }
  if (secretProblem !== undefined) return not(secretProblem.reason, [secretProblem.message, ...problems]);
  if (!pairIsReady)
    return not('PairNotReady', [`the FailoverPair ${name} has no certification authority yet: see its condition Ready`, ...problems]);
  if (problems.length > 0) return not('SpecRefused', problems);
  return { type: 'Ready', status: 'True', reason: 'Accepted', message: `the pair ${name} serves this hall` };
}

/** Undefined: as it was. */
function reachability({ hall, link }: HallView): HallStatement | undefined {
  const type = 'FleetReachable';
  const before = findCondition(hall.status?.conditions as readonly Condition[] | undefined, type);
  if (link === undefined) return { type, status: 'Unknown', reason: 'NotServed', message: 'see the condition Ready' };
  if (link.picture.connected)
    return { type, status: 'True', reason: 'Connected', message: 'the hall server of the leading member answers' };
  const isNews = before === undefined || before.reason === 'NotServed';
  if (link.lostMs < fleetLostAfterMs) {
    if (!isNews) return undefined;
    return { type, status: 'Unknown', reason: 'Connecting', message: 'the connection to the pair is being made' };
  }
  // The words of each further attempt would be a write each: the first ones stay.
  const message =
    before?.reason === 'Unreachable'
      ? before.message
      : `no member of the pair answers as the leading one: ${link.picture.why.slice(0, whyMax)}`;
  return { type, status: 'False', reason: 'Unreachable', message };
}

const whyMax = 1_000;

/** Undefined: as it was, until the configuration has been made once since this process began. */
function routing({ routing: made, nameTakenBy }: HallView): HallStatement | undefined {
  const type = 'NotificationsRouted';
  if (nameTakenBy !== undefined) return { type, status: 'False', reason: 'NameTaken', message: 'see the condition Ready' };
  if (made !== undefined) return { type, status: made.routed ? 'True' : 'False', reason: made.reason, message: made.message };
  return undefined;
}

const counters = {
  Online: 'online',
  Hung: 'hung',
  CommError: 'commError',
  Offline: 'offline',
  Maintenance: 'maintenance',
  Unknown: 'unknown',
} as const satisfies Record<TerminalStatusState, keyof HallStatusTerminals>;

/** Terminals by the state that the feed told last; before it told anything, by the state that stands in their status. */
function countTerminals({ terminals, link }: HallView): HallStatusTerminals {
  const counts = { online: 0, hung: 0, commError: 0, offline: 0, maintenance: 0, unknown: 0 };
  const living = terminals.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  for (const { metadata, status } of living) {
    const seen = link?.picture.known === true ? link.picture.terminals.get(metadata.name)?.state : status?.state;
    counts[counters[seen ?? 'Unknown']] += 1;
  }
  return { total: living.length, ...counts, summary: `${counts.online}/${living.length}` };
}

function failoverReadiness(conditions: readonly { readonly type: string; readonly status: string }[] | undefined): HallStatusFailoverReady {
  const found = conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible')?.status;
  return found === 'True' || found === 'False' ? found : 'Unknown';
}

function incidentOf(
  failover:
    | { readonly reason?: string; readonly from?: string; readonly to?: string; readonly startedAt?: string; readonly completedAt?: string }
    | undefined,
): HallStatusLastIncident | undefined {
  const at = failover?.startedAt ?? failover?.completedAt;
  if (failover === undefined || at === undefined || failover.reason === 'Switchover') return undefined;
  const message =
    failover.from === undefined
      ? `${failover.to ?? 'a member'} leads`
      : `${failover.to ?? 'the other member'} took over from ${failover.from}`;
  return { at, reason: 'Failover', message: failover.reason === undefined ? message : `${message}: ${failover.reason}` };
}

/** Whether two statuses differ in more than the counts, which may wait. */
export function withoutCounts(status: Hall['status']): object {
  const { terminals: _, ...rest } = status ?? {};
  return rest;
}
