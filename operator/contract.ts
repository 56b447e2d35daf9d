import { hallConditions } from './hall/hall-conditions.ts';
import { operationConditions } from './pair-operation/operation-conditions.ts';
import { pairConditions } from './pair/pair-conditions.ts';
import { terminalConditions } from './terminal/terminal-conditions.ts';

/**
 * What the operator tells through the API: for each kind its condition types, for each type its reasons, and what each of them means.
 * People read them, monitoring matches them: a reason is never renamed. docs/conditions.md is made from this table.
 */
export const conditionCatalogue: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>> = {
  Hall: hallConditions,
  Terminal: terminalConditions,
  FailoverPair: pairConditions,
  PairOperation: operationConditions,
};
