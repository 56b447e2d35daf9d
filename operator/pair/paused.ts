import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { pausedByAnnotation } from './pair-names.ts';

/** Whether the pair shall make no failover of its own: by its spec, or by a PairOperation. */
export function isPaused({ metadata, spec }: FailoverPair): boolean {
  return spec.paused || metadata.annotations?.[pausedByAnnotation] !== undefined;
}
