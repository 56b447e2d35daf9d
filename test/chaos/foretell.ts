import type { MemberStatus } from '#agents/member/contract.ts';
import { explainFailover, heardFrom } from '#lib/pair/explain.ts';
import type { FailoverVerdict } from '#lib/pair/explain.ts';
import { diskFreePercentMin } from '#operator/pair/pair-facts.ts';
import type { PairStand } from '../pair/pair-stand.ts';

/**
 * What `hallctl pair explain` and the condition ZeroLossFailoverPossible say at this moment. Both members are asked by a way that no cut
 * touches, but what one hears of the other counts only when that one did not answer itself.
 */
export async function foretell(stand: PairStand): Promise<FailoverVerdict> {
  const answers = await Promise.all((['a', 'b'] as const).map((name) => stand.status(name).catch(() => undefined)));
  const told = answers.filter((status): status is MemberStatus => status !== undefined);
  return explainFailover({
    members: ['a', 'b'],
    record: undefined,
    recordLost: undefined,
    paused: false,
    heard: heardFrom(told),
    diskFull: told.filter(({ diskFreePercent }) => (diskFreePercent ?? 100) < diskFreePercentMin).map(({ member }) => member),
  });
}
