import { findCondition } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import type { PairStatement } from './pair-conditions.ts';

/** Conditions that become an event when their status changes. */
const toldByStatus: readonly string[] = ['Ready', 'ZeroLossFailoverPossible'];

/**
 * Conditions of which also a change of the reason is told, since each reason asks for something else; with the reasons that pass by
 * themselves and are no news: each failover would tell them.
 */
const toldByReason: Readonly<Record<string, readonly string[]>> = {
  DNSInSync: ['Moving', 'NotLedYet', 'NotAskedYet'],
  ServiceInSync: ['Moving', 'NotLedYet', 'OutOfSync'],
};

/** The statements that are worth an event, seen from the conditions that stood before. A first statement is one only when it is good. */
export function decideNews(before: readonly Condition[] | undefined, statements: readonly PairStatement[]): readonly PairStatement[] {
  return statements.filter(({ type, status, reason }) => {
    const stood = findCondition(before, type);
    const isPassing = toldByReason[type]?.includes(reason) === true;
    if (isPassing || (stood === undefined && status !== 'True')) return false;
    if (toldByStatus.includes(type)) return stood?.status !== status;
    return type in toldByReason && (stood?.status !== status || stood.reason !== reason);
  });
}
