import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import type { KnownRecord } from '#lib/pair/member-facts.ts';
import { drillConditions } from './drill/drill-conditions.ts';
import { hallConditions } from './hall/hall-conditions.ts';
import { madeFor, ownedLabels, pairLabel } from './labels.ts';
import { operationConditions } from './pair-operation/operation-conditions.ts';
import { adoptionReason } from './pair/adoption-words.ts';
import { loweredSentence } from './pair/lowered-words.ts';
import { pairConditions } from './pair/pair-conditions.ts';
import { factsOfRecord, problemOfPairRecord } from './pair/pair-facts.ts';
import { pausedByAnnotation, retiredAnnotation, writersOf } from './pair/pair-names.ts';
import { isPaused } from './pair/paused.ts';
import { protocolModes } from './pair/record-modes.ts';
import type { ConditionTable } from './statement.ts';
import { terminalConditions } from './terminal/terminal-conditions.ts';

/**
 * What the operator tells through the API: for each kind its condition types, for each type its reasons, and what each of them means.
 * People read them, monitoring matches them: a reason is never renamed. docs/conditions.md is made from this table.
 */
export const conditionCatalogue: Readonly<Record<string, ConditionTable>> = {
  Hall: hallConditions,
  Terminal: terminalConditions,
  FailoverPair: pairConditions,
  PairOperation: operationConditions,
  DrillSchedule: drillConditions,
};

/**
 * What every PairRecord of a pair bears, whoever writes it: the operator when the pair is new, a person by hallctl when it was lost. By
 * its labels the operator tells it from the record of an earlier pair of the name.
 */
export function recordFrame(pair: FailoverPair): {
  readonly labels: Readonly<Record<string, string>>;
  readonly writers: readonly string[];
} {
  return { labels: ownedLabels(pairLabel, pair), writers: writersOf(pair) };
}

/** The pair's own record: one that an earlier pair of the name left is none. */
export function ownRecordOf(pair: FailoverPair, record: PairRecord | undefined): PairRecord | undefined {
  return madeFor(pair, record);
}

/** Whether the pair shall make no failover of its own: by its spec, or by a PairOperation. */
export function isPairPaused(pair: FailoverPair): boolean {
  return isPaused(pair);
}

/** The reason that a record gets which a person writes anew; the status tells the adoption by it. */
export function reasonOfAdoption(why: string, primary: string, lossAccepted: boolean): string {
  return adoptionReason(why, primary, lossAccepted);
}

/** The PairOperation that paused the pair, if one did; it may be deleted by now. */
export function pausingOperationOf({ metadata }: FailoverPair): string | undefined {
  return metadata.annotations?.[pausedByAnnotation];
}

/** Whose commits do not wait for the standby, as the message of the condition ZeroLossFailoverPossible tells it: one sentence. */
export function loweredCommitsOf(pair: FailoverPair): string | undefined {
  return loweredSentence(pair.status?.conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible')?.message ?? '');
}

/** Modes of a record as the resources write them, in the words of the protocol. */
export const recordModes = protocolModes;

/** A record in the words of the protocol. */
export function recordFactsOf(record: Pick<PairRecord, 'spec'>): KnownRecord {
  return factsOfRecord(record);
}

/** Why a record that Kubernetes keeps, or that there is none, is of no use to the members; undefined when it is. */
export function recordProblemOf(pair: FailoverPair, record: PairRecord | undefined): string | undefined {
  return problemOfPairRecord(pair, record);
}

/** On a PairRecord, holding its own UID: the record may be deleted. */
export const retiredRecordAnnotation = retiredAnnotation;
