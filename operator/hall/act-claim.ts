import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import { configMaps, halls } from '../resources.ts';
import type { KubeConfigMap } from '../resources.ts';
import { formatClaim, holderOf, nameClaim, pairClaim, parseClaim } from './claim.ts';
import type { ClaimHolder, ClaimWish } from './claim.ts';
import { decideClaim } from './decide-claim.ts';
import type { HolderView } from './decide-claim.ts';
import { hallErrors } from './errors.ts';

type ClaimPorts = Pick<OperatorPorts, 'client'> & { readonly caches: Pick<OperatorPorts['caches'], 'claims'>; readonly namespace: string };

/** Claims of other halls change seldom: after so many lost races in one run we look again later. */
const attemptsMax = 3;

/** Takes the claim for this Hall if it can be had. Undefined: it is ours; otherwise who has it. @throws HK_CLAIM_CONTESTED */
async function takeClaim(
  wish: ClaimWish,
  hall: Hall,
  wants: (holder: Hall) => boolean,
  ports: ClaimPorts,
  signal: AbortSignal,
): Promise<ClaimHolder | undefined> {
  const own = holderOf(hall);
  const key = { namespace: ports.namespace, name: wish.name };
  let seen: KubeConfigMap | undefined = ports.caches.claims.get(key);
  for (let count = 1; count <= attemptsMax; count += 1) {
    const holder = seen === undefined ? undefined : parseClaim(seen);
    const view = holder === undefined || holder.uid === own.uid ? 'wants it' : await viewOf(holder, wants, ports, signal);
    const decision = decideClaim(own, holder, view);
    if (decision.do === 'held') return undefined;
    if (decision.do === 'taken') return decision.by;
    if (seen !== undefined) await removeClaim(seen, ports, signal);
    try {
      await ports.client.create(configMaps, formatClaim(wish, own, ports.namespace), signal);
      return undefined;
    } catch (error) {
      if (!isKubeError(error, 'HK_KUBE_EXISTS')) throw error;
    }
    // Somebody was quicker, or the cache is behind.
    seen = await ports.client.find(configMaps, key, signal);
  }
  throw hallErrors.HK_CLAIM_CONTESTED(wish.name);
}

/** The server is asked, not the cache: a claim must never be taken from a Hall that lives. */
async function viewOf(
  holder: ClaimHolder,
  wants: (holder: Hall) => boolean,
  { client }: Pick<ClaimPorts, 'client'>,
  signal: AbortSignal,
): Promise<HolderView> {
  try {
    const hall = await client.find(halls, { namespace: holder.namespace, name: holder.name }, signal);
    if (hall?.metadata.uid !== holder.uid) return 'gone';
    return wants(hall) ? 'wants it' : 'wants another';
  } catch (error) {
    // The holder stands in a namespace that another operator looks after: it decides when the claim is free.
    if (isKubeError(error, 'HK_KUBE_FORBIDDEN')) return 'wants it';
    throw error;
  }
}

/** The name of a hall. Undefined: it is ours. */
export function takeName(hall: Hall, ports: ClaimPorts, signal: AbortSignal): Promise<ClaimHolder | undefined> {
  return takeClaim(nameClaim(hall.metadata.name), hall, () => true, ports, signal);
}

/** The pair. Undefined: it serves this hall. */
export function takePair(hall: Hall, pair: FailoverPair, ports: ClaimPorts, signal: AbortSignal): Promise<ClaimHolder | undefined> {
  const { namespace, name } = pair.metadata;
  const wants = (holder: Hall): boolean => holder.metadata.namespace === namespace && holder.spec.failoverPairRef.name === name;
  return takeClaim(pairClaim(pair), hall, wants, ports, signal);
}

/** Gives back what this Hall holds and no longer wants. @param wanted  Names of claims. */
export async function releaseOthers(hall: Hall, wanted: readonly string[], ports: ClaimPorts, signal: AbortSignal): Promise<void> {
  for (const claim of ports.caches.claims.list()) {
    if (parseClaim(claim)?.uid === hall.metadata.uid && !wanted.includes(claim.metadata.name)) await removeClaim(claim, ports, signal);
  }
}

/** Gives back what Halls of this namespace and name held that are gone. */
export async function releaseOfGone(key: ObjectKey, ports: ClaimPorts, signal: AbortSignal): Promise<void> {
  for (const claim of ports.caches.claims.list()) {
    const holder = parseClaim(claim);
    if (holder === undefined || holder.namespace !== key.namespace || holder.name !== key.name) continue;
    if ((await viewOf(holder, () => true, ports, signal)) === 'gone') await removeClaim(claim, ports, signal);
  }
}

async function removeClaim(claim: KubeConfigMap, { client }: Pick<ClaimPorts, 'client'>, signal: AbortSignal): Promise<void> {
  const { uid, resourceVersion } = claim.metadata;
  const preconditions = { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  try {
    await client.delete(configMaps, keyOf(claim), { preconditions }, signal);
  } catch (error) {
    if (!isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
  }
}
