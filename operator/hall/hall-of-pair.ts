import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import { isOthers, nameHolding, pairHolding } from './holding.ts';

/**
 * Name of the hall that a pair serves, as the label of its metrics; empty when it serves none. Its members bear the same. While it is not
 * decided who has the pair, the only Hall that wants it and may have it counts.
 */
export function hallNameOf(pair: FailoverPair, caches: Pick<OperatorCaches, 'claims' | 'halls'>): string {
  const holding = pairHolding(pair, caches);
  if (holding.is === 'held') return holding.by.name;
  if (holding.is === 'nobody') return '';
  const [only, another] = caches.halls.byIndex('pair', keyText(keyOf(pair))).filter((hall) => !isOthers(nameHolding(hall, caches), hall));
  return another === undefined ? (only?.metadata.name ?? '') : '';
}
