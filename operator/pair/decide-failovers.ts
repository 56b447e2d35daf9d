import type { FailoverReport } from '#agents/member/contract.ts';
import type { FailoverPairStatus, FailoverPairStatusHistory, FailoverPairStatusLastFailover } from '#lib/api/failoverpair.gen.ts';
import { kubeTime } from '#lib/kube/time.ts';
import { adoptionInWords } from './adoption-words.ts';
import { currentStatus } from './pair-facts.ts';
import type { PairView } from './pair-view.ts';

const historyMax = 10;
const messageMax = 1_024;

/** The reason of a change of the leader that nobody tells the story of. A story that comes after all takes its place. */
const unreported = 'Unreported';
/** The reason of one that a person made, by writing a lost record anew. Its story stands in the record, and no member tells it. */
export const adopted = 'Adopted';
/** A member tells its story within seconds after it is open; a record that rests so long waits for none. */
const reportMaxMs = 60_000;

type Failovers = Pick<FailoverPairStatus, 'lastFailover' | 'history'>;

/** The last change of the leader and those before it, newest first, at most ten. What is known already stays as it was told first. */
export function decideFailovers(view: PairView, nowMs: number): Failovers {
  const { record } = view;
  const written = adoptionInWords(record?.spec ?? {}) === undefined ? undefined : record?.spec.epoch;
  // Who was adopted tells of its own opening only.
  const reports = [...view.members.values()].flatMap(({ status }) => status?.failovers ?? []).filter(({ epoch }) => epoch !== written);
  const { history: before = [], lastFailover: lastBefore } = view.pair.status ?? {};
  const known = before.filter(({ epoch, reason }) => reason !== unreported || reports.every((report) => report.epoch !== epoch));
  const told = new Map(
    reports.filter(({ epoch }) => known.every((entry) => entry.epoch !== epoch)).map((report) => [report.epoch, historyOf(report)]),
  );
  const merged = [...known, ...told.values()].toSorted((left, right) => right.epoch - left.epoch);
  const untold = untoldOf(view, merged, nowMs);
  const history = [...(untold === undefined ? [] : [untold.entry]), ...merged].slice(0, historyMax);
  const lastFailover = lastOf(lastBefore, reports, untold);
  return { ...(lastFailover === undefined ? {} : { lastFailover }), ...(history.length === 0 ? {} : { history }) };
}

interface Untold {
  readonly entry: FailoverPairStatusHistory;
  readonly message: string;
}

/** An agent that ended between opening and telling leaves a change of the leader without a story: the record shows it all the same. */
function untoldOf({ pair, record, members }: PairView, history: readonly FailoverPairStatusHistory[], nowMs: number): Untold | undefined {
  const { mode, primary, epoch, changedAt } = record?.spec ?? {};
  // In the first epoch the pair was founded: nobody led before.
  if (primary === undefined || epoch === undefined || epoch < 2 || changedAt === undefined || (mode !== 'Sync' && mode !== 'Solo'))
    return undefined;
  if ((history[0]?.epoch ?? 0) >= epoch) return undefined;
  const adoption = adoptionInWords(record?.spec ?? {});
  if (adoption !== undefined) {
    const before = pair.status?.primary;
    const change = before === undefined || before === primary ? {} : { from: before };
    return {
      entry: { epoch, completedAt: seconds(changedAt), reason: adopted, ...change, to: primary },
      message: adoption.slice(0, messageMax),
    };
  }
  if (nowMs - Date.parse(changedAt) < reportMaxMs) return undefined;
  // One that is not reached may have its story to tell yet.
  if (currentStatus(members.get(primary))?.serving !== true) return undefined;
  const from = pair.spec.members.find(({ name }) => name !== primary)?.name;
  const entry = { epoch, completedAt: seconds(changedAt), reason: unreported, ...(from === undefined ? {} : { from }), to: primary };
  return { entry, message: 'the member that took over was restarted before it told its story' };
}

function lastOf(
  before: FailoverPairStatusLastFailover | undefined,
  reports: readonly FailoverReport[],
  untold: Untold | undefined,
): FailoverPairStatusLastFailover | undefined {
  if (untold !== undefined) return { ...untold.entry, message: untold.message };
  const newest = reports.toSorted((left, right) => right.epoch - left.epoch)[0];
  if (newest === undefined) return before;
  const stands = before !== undefined && (before.epoch > newest.epoch || (before.epoch === newest.epoch && before.reason !== unreported));
  return stands ? before : failoverOf(newest);
}

function historyOf({ epoch, completedAt, reason, from, to, outageMs }: FailoverReport): FailoverPairStatusHistory {
  return { epoch, completedAt: seconds(completedAt), reason: camel(reason), from, to, writeOutageMs: outageMs };
}

/** A report as the resources tell it. */
export function failoverOf(report: FailoverReport): FailoverPairStatusLastFailover {
  const { epoch, reason, from, to, startedAt, completedAt, outageMs, why, phasesMs } = report;
  const { positionAtClaim, positionAtOpen, positionAcknowledged } = report;
  return {
    epoch,
    reason: camel(reason),
    from,
    to,
    startedAt: seconds(startedAt),
    completedAt: seconds(completedAt),
    writeOutageMs: outageMs,
    message: why.slice(0, messageMax),
    positionAtClaim,
    ...(positionAtOpen === undefined ? {} : { positionAtOpen }),
    ...(positionAcknowledged === undefined ? {} : { positionAcknowledged }),
    phases: phasesMs,
  };
}

/** `processDeath` as the resources write it: `ProcessDeath`. */
function camel(reason: string): string {
  return reason.charAt(0).toUpperCase() + reason.slice(1);
}

/** Times of resources are whole seconds. A text that is no time is told as the beginning of 1970 rather than refused. */
function seconds(time: string): string {
  const ms = Date.parse(time);
  return kubeTime(Number.isFinite(ms) ? ms : 0);
}
