import { loweredCommitsOf } from '#operator/contract.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import { explainFailover } from '#lib/pair/explain.ts';
import type { FailoverVerdict } from '#lib/pair/explain.ts';
import { faultStories, takeoverBudgetMs } from '#lib/pair/fault-stories.ts';
import type { FaultKind, FaultStory, Timing } from '#lib/pair/fault-stories.ts';
import { defaultLimits } from '#lib/pair/limits.ts';
import type { OperatorSeen } from './operator-seen.ts';
import { pairFactsOf } from './pair-seen.ts';
import type { PairSeen } from './pair-seen.ts';
import { pauseOf } from './pause-seen.ts';
import type { PauseSeen } from './pause-seen.ts';
import { ageInWords, secondsOf } from './table.ts';

/** What `hallctl pair explain` has found out. */
export interface Explanation {
  readonly pair: string;
  readonly namespace: string;
  readonly primary: string | undefined;
  readonly verdict: FailoverVerdict;
  /** What is seen where clients may be served or not: one sentence. The verdict then does not say that they are not. */
  readonly maybeServed: string | undefined;
  readonly faults: readonly FaultStory[];
  /** Whether the phases after the detection were measured, by the last take-over. */
  readonly measured: boolean;
  /** What speaks against the facts that all this rests on, and whose commits it does not hold for. */
  readonly doubts: readonly string[];
  /** Whose commits do not wait for the standby, and may be lost whatever the pair does: one sentence. */
  readonly lowered: string | undefined;
  readonly operator: OperatorSeen;
  /** Who paused the pair, if anybody did, whatever else stands in the way of a take-over. */
  readonly pause: PauseSeen | undefined;
}

export function explainPair(seen: PairSeen, operator: OperatorSeen): Explanation {
  const { pair, record } = seen;
  const facts = pairFactsOf(seen);
  const verdict = explainFailover(facts);
  const lowered = loweredCommitsOf(pair);
  const timing = timingOf(seen);
  return {
    pair: pair.metadata.name,
    namespace: pair.metadata.namespace,
    primary: record?.spec.primary ?? pair.status?.primary,
    ...weigh(verdict),
    // Each story begins with a primary that leads.
    faults: verdict.halted === undefined ? faultStories(facts, verdict, timing) : [],
    measured: timing.measuredMs !== undefined,
    doubts: [...staleOf(operator), ...doubtsOf(seen, verdict), ...(lowered === undefined ? [] : [lowered])],
    lowered,
    operator,
    pause: pauseOf(pair, seen.operations),
  };
}

/** Nobody is to be called out as for a pair that serves nobody, where it may serve. */
function weigh(verdict: FailoverVerdict): Pick<Explanation, 'verdict' | 'maybeServed'> {
  const { unserved, maybeServed, ...rest } = verdict;
  return maybeServed === true ? { verdict: rest, maybeServed: unserved } : { verdict, maybeServed: undefined };
}

function timingOf({ pair }: PairSeen): Timing {
  const { period, suspectAfter, degradeAfter, canaryStaleAfter } = pair.spec.detection;
  const ms = (text: string, otherwise: number): number => parseDurationMs(text) ?? otherwise;
  const { decide, fence, promote, open } = pair.status?.lastFailover?.phases ?? {};
  const measured = [decide, fence, promote, open].filter((each) => each !== undefined);
  return {
    limits: {
      periodMs: ms(period, defaultLimits.periodMs),
      suspectAfterMs: ms(suspectAfter, defaultLimits.suspectAfterMs),
      degradeAfterMs: ms(degradeAfter, defaultLimits.degradeAfterMs),
      canaryStaleAfterMs: ms(canaryStaleAfter, defaultLimits.canaryStaleAfterMs),
      restartAfterMs: defaultLimits.restartAfterMs,
    },
    measuredMs: measured.length === 0 ? undefined : measured.reduce((sum, each) => sum + each, 0),
  };
}

function staleOf({ stale, justBegun }: OperatorSeen): readonly string[] {
  const sentence = 'Nothing here is known to hold any more: look at the operator and its log first, and at the members on their hosts.';
  if (stale === undefined) return [];
  return justBegun ? [stale] : [stale, sentence];
}

/** The status is as old as the last look of the operator, and nothing in it says when that was. */
function doubtsOf({ pair, record }: PairSeen, { blockedBy }: FailoverVerdict): readonly string[] {
  const { status } = pair;
  if (status?.members === undefined) return ['The operator has not looked at this pair yet: does it run?'];
  const doubts: string[] = [];
  const known = status.members.map(({ knows }) => knows?.sequence ?? -1);
  if (record !== undefined && known.every((sequence) => sequence < record.spec.sequence)) {
    doubts.push(`No member is known to have read the present record (sequence ${record.spec.sequence}): what follows may be seconds old.`);
  }
  if (status.members.some(({ heard }) => heard === undefined))
    doubts.push('The operator is of a version that tells too little of the members.');
  const told = status.conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible');
  const possible = blockedBy === undefined;
  if (told !== undefined && (told.status === 'True') !== possible) {
    doubts.push(
      `The condition ZeroLossFailoverPossible still says ${told.status} (${told.reason}): the operator is behind, or does not run.`,
    );
  }
  return doubts;
}

const faultNames: Readonly<Record<FaultKind, string>> = {
  crash: 'crash',
  hang: 'hang',
  cut: 'network cut',
  standbyLost: 'standby lost',
  arbiterAway: 'arbiter away',
};

/** `hallctl pair explain` in words. */
export function explanationInWords(explained: Explanation): string {
  const { pair, namespace, verdict, faults, measured, doubts, operator } = explained;
  const list = (title: string, sentences: readonly string[]): readonly string[] =>
    sentences.length === 0 ? [] : ['', title, ...sentences.map((sentence) => `  - ${sentence}`)];
  const width = Math.max(...Object.values(faultNames).map((name) => name.length));
  const stories = faults.map(({ fault, says, outageMs }) => {
    const outage = outageMs === undefined ? '' : ` About ${secondsOf(outageMs)} without an acknowledged write.`;
    return `  ${faultNames[fault].padEnd(width)}  ${says}${outage}`;
  });
  const basis = measured
    ? 'Times are the limits of detection plus what the last take-over took after it.'
    : `Times are the limits of detection plus ${secondsOf(takeoverBudgetMs)}: no take-over was measured yet.`;
  return [
    `${pair} in ${namespace}: ${headline(explained)}`,
    ...list('Take care:', doubts),
    ...list('Why:', verdict.because),
    ...list('What to do:', verdict.advice),
    ...(stories.length === 0 ? [] : ['', 'What each fault would do now:', ...stories, '', basis]),
    ...(operator.agoMs === undefined ? [] : ['', `Seen by the operator, which was alive ${ageInWords(operator.agoMs)} ago.`]),
    '',
  ].join('\n');
}

function headline(explained: Explanation): string {
  const { stale, agoMs, justBegun } = explained.operator;
  const says = told(explained);
  if (stale === undefined) return says;
  if (justBegun) return `NOT KNOWN yet, because the operator has only just begun. By what was told before: ${says}`;
  const when = agoMs === undefined ? '' : ` ${ageInWords(agoMs)} ago`;
  return `NOT KNOWN, because the operator is not there. When it last looked${when}: ${says}`;
}

function told({ primary, verdict, maybeServed, faults, lowered }: Explanation): string {
  const { takesOver, by, blockedBy, unserved, halted, silent } = verdict;
  const who = primary ?? 'the primary';
  if (blockedBy === 'MembersUnreachable')
    return `${unserved ?? 'Neither member is heard.'} Whether the pair is served is not known (${blockedBy}).`;
  if (unserved !== undefined) return `${unserved} Nobody takes over (${String(blockedBy)}).`;
  if (maybeServed !== undefined) return `${maybeServed} If that ends, nobody takes over (${String(blockedBy)}).`;
  if (!takesOver) {
    const lost =
      blockedBy === 'NeverLed' ? 'there is nothing to lose yet' : 'nothing that was acknowledged would be lost while its disk is whole';
    return `if ${who} died now, nobody would take over (${String(blockedBy)}); ${lost}.`;
  }
  const outageMs = faults.find(({ fault }) => fault === 'crash')?.outageMs;
  const soon = outageMs === undefined ? '' : ` within about ${secondsOf(outageMs)}`;
  const but = lowered === undefined ? '' : ` but commits that do not wait for ${String(by)}`;
  if (halted !== undefined) return `${halted} ${String(by)} takes the lead, and nothing is lost${but}.`;
  if (silent !== undefined) return `${silent} is not heard. If it is dead, ${String(by)} takes over${soon}, and nothing is lost${but}.`;
  return `if ${who} died now, ${String(by)} would take over${soon}, and nothing would be lost${but}.`;
}

export function explanationAsJson({ verdict, operator, pause, lowered, ...rest }: Explanation): object {
  return {
    ok: true,
    ...rest,
    ...operatorAsJson(operator),
    pause: pause ?? null,
    lowered: lowered ?? null,
    maybeServed: rest.maybeServed ?? null,
    primary: rest.primary ?? null,
    ...verdict,
  };
}

/** When the operator was last known to live, for machines. */
export function operatorAsJson({ lease, agoMs, stale }: OperatorSeen): object {
  const operator = { lease, seenSecondsAgo: agoMs === undefined ? null : Math.floor(agoMs / 1_000), problem: stale ?? null };
  return { stale: stale !== undefined, operator };
}
