import type { KnownRecord, MemberFacts } from './member-facts.ts';
import { newRecord } from './pair-record.ts';
import type { MemberName, PairRecord } from './pair-record.ts';
import { lacksAcknowledged } from './why-unserved.ts';

/** One member before a record is written anew. */
export interface AdoptionSide {
  readonly name: MemberName;
  /** Undefined: it was not heard by whoever compares. */
  readonly facts: MemberFacts | undefined;
  readonly systemIdentifier: string | undefined;
  readonly timeline: number | undefined;
  /** How far its log reaches. Not exact: it may reach farther. */
  readonly position: { readonly flushed: bigint; readonly exact: boolean } | undefined;
}

export interface AdoptionVerdict {
  /** Why it cannot be done at all. */
  readonly refusals: readonly string[];
  /** What would be lost, or may be: to be accepted by name. Empty: the chosen member holds everything. */
  readonly losses: readonly string[];
  /** Why everything is there, as far as it is. */
  readonly because: readonly string[];
}

/** Whether the log of the other member is a part of the chosen one's, by the timelines that they came along. */
export interface LogComparison {
  readonly contained: boolean;
  readonly why: string;
}

/**
 * Whether a record may be written by which `chosen` leads alone, and what would be lost by it. What cannot be compared counts as lost:
 * the answer rests on what both members say at the same time, and on nothing that is remembered.
 *
 * @param logs  The comparison of both logs' pasts, where both PostgreSQL are down and their ends were looked up.
 */
export function decideAdoption(chosen: AdoptionSide, other: AdoptionSide, logs?: LogComparison): AdoptionVerdict {
  const refusals = refusalsOf(chosen, other);
  if (refusals.length > 0) return { refusals, losses: [], because: [] };
  const verdict = compareBoth(chosen, other, logs);
  if (chosen.facts === undefined || !lacksAcknowledged(chosen.facts)) return verdict;
  // Whatever the other one holds: it is known already that not everything is here.
  const shortage = `${chosen.name} lacks what was acknowledged, and that is lost: ${String(chosen.facts.stuck)}`;
  return { refusals: [], losses: [shortage, ...verdict.losses], because: [] };
}

/** What is lost of what the other member has. */
function compareBoth(chosen: AdoptionSide, other: AdoptionSide, logs: LogComparison | undefined): AdoptionVerdict {
  const { facts } = other;
  if (facts === undefined) {
    const loss = `${other.name} is not heard: whatever it acknowledged that ${chosen.name} does not have is lost, and it is not known how much`;
    const off = `if ${other.name} still runs and does not reach the arbiter, it goes on acknowledging beside ${chosen.name}: switch it off first`;
    return { refusals: [], losses: [loss, off], because: [] };
  }
  const last = newestKnown(chosen, other);
  if (facts.data === 'empty') {
    if (last?.mode !== 'solo' || last.primary !== other.name)
      return { refusals: [], losses: [], because: [`${other.name} holds no data.`] };
    const loss = `${other.name} led alone and holds no data any more: what it acknowledged that ${chosen.name} does not have is lost, and it is not known how much`;
    return { refusals: [], losses: [loss], because: [] };
  }
  if (other.systemIdentifier !== undefined && other.systemIdentifier !== chosen.systemIdentifier) {
    const loss = `${other.name} holds another cluster (system identifier ${other.systemIdentifier}): all of it is lost`;
    return { refusals: [], losses: [loss], because: [] };
  }
  // One that has only begun has no control file yet, so nobody knows of which cluster it is.
  if (facts.data === 'incomplete' && !mayHaveLed(chosen, other, last))
    return { refusals: [], losses: [], because: [`The copy of ${other.name} is incomplete: nothing was ever acknowledged by it alone.`] };
  if (other.systemIdentifier === undefined) {
    const loss = `${other.name} does not tell which cluster it holds: what ${chosen.name} lacks of it is lost`;
    return { refusals: [], losses: [loss], because: [] };
  }
  return compareLiving(chosen, other, facts, logs);
}

/** The newest record that either of them knows. */
function newestKnown(...sides: readonly AdoptionSide[]): KnownRecord | undefined {
  const known = sides.flatMap(({ facts }) => facts?.record ?? []);
  return known.toSorted((left, right) => right.sequence - left.sequence)[0];
}

/** A leader may lose its proof, with the state directory, and keep its data: what lacks the proof is a part of a copy only where it never led. */
function mayHaveLed(chosen: AdoptionSide, other: AdoptionSide, last: KnownRecord | undefined): boolean {
  if (isPrimary(other.facts)) return true;
  return last?.primary === undefined ? !isPrimary(chosen.facts) : last.primary === other.name;
}

function refusalsOf({ name, facts, systemIdentifier }: AdoptionSide, other: AdoptionSide): readonly string[] {
  if (facts === undefined) return [`${name} is not heard by the operator: start its agent, or repair the way to it`];
  if (facts.data !== 'complete') {
    const lacks = facts.data === 'empty' ? 'holds no data' : 'has no proof that its data is complete';
    return [`${name} ${lacks}, so it would refuse to lead, whatever loss is accepted: ${insteadOf(other)}`];
  }
  return systemIdentifier === undefined ? [`${name} does not tell which cluster it holds: wait until its PostgreSQL was looked at`] : [];
}

/** What is left where the chosen member cannot lead. */
function insteadOf({ name, facts }: AdoptionSide): string {
  if (facts === undefined) return `start ${name}, which is not heard, and choose it; when it is gone for good, only a backup helps`;
  return facts.data === 'complete' ? `choose ${name}` : `nor may ${name} lead, so only a backup helps`;
}

/** Both hold data of one cluster that may have led. */
function compareLiving(chosen: AdoptionSide, other: AdoptionSide, facts: MemberFacts, logs: LogComparison | undefined): AdoptionVerdict {
  const done = (because: string): AdoptionVerdict => ({ refusals: [], losses: [], because: [because] });
  const losing = (loss: string): AdoptionVerdict => ({ refusals: [], losses: [loss], because: [] });
  if (isPrimary(chosen.facts) && isPrimary(facts)) {
    return losing(`both members run as primary: what ${other.name} acknowledged by itself is lost, and it is not known how much`);
  }
  if (isPrimary(facts)) {
    // Also while it is being admitted it waits for the other, which may lack what was acknowledged before.
    if (facts.waitsFor === 'peer' && facts.record?.mode === 'sync' && chosen.facts?.streaming === true)
      return done(`${other.name} acknowledges nothing that ${chosen.name} has not flushed.`);
    if (facts.waitsFor === 'none')
      return losing(
        `${other.name} is the primary and commits alone: what it acknowledged and still acknowledges until it hears of this is lost`,
      );
  }
  if (isPrimary(chosen.facts) && facts.role === 'standby' && facts.streaming)
    return done(`${other.name} streams from ${chosen.name}, so it holds nothing that ${chosen.name} lacks.`);
  if (logs === undefined) return comparePositions(chosen, other);
  if (logs.contained) return done(`The log of ${chosen.name} holds that of ${other.name}, compared by their pasts: ${logs.why}.`);
  return losing(`the log of ${other.name} is no part of that of ${chosen.name} (${logs.why}): what only ${other.name} has is lost`);
}

/** By position, which means something on one timeline only. */
function comparePositions(chosen: AdoptionSide, other: AdoptionSide): AdoptionVerdict {
  const losing = (loss: string): AdoptionVerdict => ({ refusals: [], losses: [loss], because: [] });
  if (chosen.position === undefined || other.position === undefined)
    return losing(`the positions are not known yet: what ${other.name} has beyond ${chosen.name} is lost`);
  if (chosen.timeline === undefined || chosen.timeline !== other.timeline)
    return losing(
      `${other.name} is on timeline ${String(other.timeline)}, ${chosen.name} on ${String(chosen.timeline)}: what ${other.name} wrote since they parted is lost`,
    );
  const ahead = other.position.flushed - chosen.position.flushed;
  if (ahead > 0n) return losing(`${other.name} has ${ahead} bytes of log that ${chosen.name} lacks: what was committed in them is lost`);
  if (!other.position.exact)
    return losing(`PostgreSQL of ${other.name} is down, and its log may reach beyond that of ${chosen.name}: what is there is lost`);
  return {
    refusals: [],
    losses: [],
    because: [`The log of ${chosen.name} reaches at least as far as that of ${other.name}, on the same timeline.`],
  };
}

function isPrimary(facts: MemberFacts | undefined): boolean {
  return facts?.role === 'primary' && facts.postgres === 'running';
}

/** Changes of the record that may have been carried out without anybody's hearing of it: room for them is left in the sequence. */
const unheardChanges = 16;

/**
 * The record by which `primary` leads alone. Above every sequence and epoch that anybody knows, so that both members believe it; where
 * the other one is silent it may have led once more than is known, and that epoch stays its own.
 */
export function adoptedRecord(given: {
  readonly primary: MemberName;
  readonly systemIdentifier: string;
  readonly known: readonly Pick<KnownRecord, 'sequence' | 'epoch'>[];
  /** Seconds since 1970: no record was changed so often, and after a restart nobody may know how often it was. Not relied on else. */
  readonly wallSeconds: number;
  readonly bothHeard: boolean;
  readonly author: string;
  readonly reason: string;
}): PairRecord {
  const { primary, systemIdentifier, known, wallSeconds, bothHeard, author, reason } = given;
  const newest = (of: 'sequence' | 'epoch'): number => Math.max(0, ...known.map((each) => each[of]));
  return {
    ...newRecord,
    sequence: Math.max(newest('sequence') + unheardChanges, Math.floor(wallSeconds)),
    mode: 'solo',
    primary,
    epoch: newest('epoch') + (bothHeard ? 1 : 2),
    systemIdentifier,
    author,
    reason,
  };
}
