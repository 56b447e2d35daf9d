import { pausingOperationOf } from '#operator/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { askedByAnnotation } from './caller.ts';

/** Who paused a pair, and how that is ended. */
export interface PauseSeen {
  readonly by: 'spec.paused' | 'PairOperation';
  /** Name of the PairOperation, and what stands in it; absent while it is deleted already. */
  readonly operation?: string;
  readonly reason?: string;
  /** Who asked for it, where hallctl did. */
  readonly author?: string;
  readonly createdAt?: string;
  readonly notAfter?: string;
  /** Whole sentences, for people. */
  readonly says: string;
  readonly advice: string;
}

/** Undefined for a pair that is not paused. One that is paused twice is resumed by setting its spec first. */
export function pauseOf(pair: FailoverPair, operations: readonly PairOperation[]): PauseSeen | undefined {
  const { name, namespace } = pair.metadata;
  const resume = `\`hallctl pair resume ${name} -n ${namespace}\``;
  const marked = pausingOperationOf(pair);
  if (pair.spec.paused) {
    const then = marked === undefined ? '' : `, and then give ${resume}, because the PairOperation ${marked} paused it, too`;
    const patch = `\`kubectl patch pair ${name} -n ${namespace} --type=merge --patch '{"spec":{"paused":false}}'\``;
    return {
      by: 'spec.paused',
      says: 'Automatic failover is paused by spec.paused of the pair, which whoever wrote the spec has set.',
      advice: `When whoever paused it agrees, set spec.paused to false where the spec is kept, or by ${patch}${then}.`,
    };
  }
  if (marked === undefined) return undefined;
  const found = operations.find(({ metadata }) => metadata.name === marked);
  const advice = `When whoever paused it agrees, give ${resume}.`;
  const by = { by: 'PairOperation', operation: marked, advice } as const;
  if (found === undefined) {
    return {
      ...by,
      says: `Automatic failover is paused by the PairOperation ${marked}, which is deleted by now; the pause stays until a resume.`,
    };
  }
  const { reason, notAfter } = found.spec;
  const { creationTimestamp: createdAt, annotations } = found.metadata;
  const author = annotations?.[askedByAnnotation];
  const who = author === undefined ? '' : ` of ${author}`;
  const when = createdAt === undefined ? '' : `, made at ${createdAt}`;
  const says = `Automatic failover is paused by the PairOperation ${marked}${who}${when}, to begin by ${notAfter}, with the reason "${reason}"; it stays until a resume.`;
  return { ...by, reason, notAfter, ...(author === undefined ? {} : { author }), ...(createdAt === undefined ? {} : { createdAt }), says };
}
