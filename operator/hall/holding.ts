import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import { nameClaim, pairClaim, parseClaim } from './claim.ts';
import type { ClaimHolder, ClaimWish } from './claim.ts';

/**
 * Who has what only one Hall may have, for everybody but the controller that makes the claims.
 *
 * held       A claim says who. `hall` is absent when its holder stands in a namespace that another operator looks after.
 * undecided  Halls want it and no claim holds, because it was deleted, the operator's namespace was made anew, or the holder was
 *            replaced. The next look of those Halls decides. Until then what runs goes on as it is: an undecided claim is no word
 *            about anybody.
 * nobody     No Hall wants it.
 */
export type Holding =
  | { readonly is: 'held'; readonly by: ClaimHolder; readonly hall: Hall | undefined }
  | { readonly is: 'undecided' }
  | { readonly is: 'nobody' };

type HoldingCaches = Pick<OperatorCaches, 'claims' | 'halls'>;

/** Who has the name of this Hall. Never `nobody`: the Hall itself wants it. */
export function nameHolding(hall: Hall, caches: HoldingCaches): Holding {
  return holdingOf(nameClaim(hall.metadata.name), () => true, caches);
}

/** Which hall a pair serves. A Hall whose name another one has cannot get the pair, so its wish does not count. */
export function pairHolding(pair: FailoverPair, caches: HoldingCaches): Holding {
  const wanted = (): boolean =>
    caches.halls.byIndex('pair', keyText(keyOf(pair))).some((hall) => !isOthers(nameHolding(hall, caches), hall));
  return holdingOf(pairClaim(pair), wanted, caches);
}

/** Whether a claim says that somebody else has it. */
export function isOthers(holding: Holding, { metadata }: Hall): boolean {
  return holding.is === 'held' && holding.by.uid !== metadata.uid;
}

function holdingOf({ name }: ClaimWish, isWanted: () => boolean, { claims, halls }: HoldingCaches): Holding {
  const [claim] = claims.byIndex('name', name);
  const by = claim === undefined ? undefined : parseClaim(claim);
  const hall = by === undefined ? undefined : halls.get(by);
  if (by !== undefined && hall?.metadata.uid === by.uid) return { is: 'held', by, hall };
  // A Hall that we do not follow may live; whoever follows it takes its claim away when it is gone.
  if (by !== undefined && !halls.follows(by.namespace)) return { is: 'held', by, hall: undefined };
  return isWanted() ? { is: 'undecided' } : { is: 'nobody' };
}
