import type { PairOperation } from '#lib/api/pairoperation.gen.ts';

export interface OperationState {
  readonly state: 'Waiting' | 'Running' | 'Done' | 'Refused' | 'Expired' | 'Aborted';
  /** What its condition says, in words. */
  readonly says: string;
}

/** Where a PairOperation stands, from its conditions. */
export function stateOf({ status }: PairOperation): OperationState {
  const conditions = status?.conditions ?? [];
  const failed = conditions.find(({ type, status: is }) => type === 'Failed' && is === 'True');
  if (failed !== undefined) {
    const known = (['Refused', 'Expired', 'Aborted'] as const).find((reason) => reason === failed.reason);
    return { state: known ?? 'Aborted', says: failed.message };
  }
  const complete = conditions.find(({ type }) => type === 'Complete');
  const says = complete?.message ?? '';
  if (complete?.status === 'True') return { state: 'Done', says };
  return { state: status?.startedAt === undefined ? 'Waiting' : 'Running', says };
}

export function isOver({ state }: OperationState): boolean {
  return state !== 'Waiting' && state !== 'Running';
}
