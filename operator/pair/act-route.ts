import { isIPv6 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { epochAnnotation, membersAnnotation } from '#agents/member/contract.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { KubeObject, ResourceType } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import type { Nudge } from '../nudge.ts';
import type { Observations } from './observations.ts';
import { hasSameOwner, madeFor, ownedLabels, pairLabel } from '../labels.ts';
import { keepObject } from '../keep.ts';
import { isTold } from '../not-applied.ts';
import { endpointSlices, services } from '../resources.ts';
import type { EndpointSlice, Service } from '../resources.ts';
import { operatorErrors } from '../errors.ts';
import { decideRoute, sliceLabels, slicePorts } from './decide-route.ts';
import { knownRecord } from './known-record.ts';
import { sliceMembers, sliceName } from './pair-names.ts';
import type { RouteProblem } from './pair-view.ts';

export interface RoutePorts extends Pick<OperatorPorts, 'client' | 'caches'> {
  readonly observations: Pick<Observations, 'of' | 'sawRoute'>;
  readonly observed: Pick<Nudge, 'tell'>;
}

/**
 * Points the Service of a pair to its primary, where the primary has not done so itself. A controller of its own: when the record changes
 * nothing else may be waited for.
 * What stands in the way is told by the condition ServiceInSync. A Service that the spec does not name any more goes, with its slice.
 */
export function followRoute(ports: RoutePorts): Reconcile {
  const { caches, observations, observed } = ports;
  return async (key, { signal, log }) => {
    const pair = caches.pairs.get(key);
    if (pair === undefined || pair.metadata.deletionTimestamp !== undefined) return undefined;
    const { uid } = pair.metadata;
    const tell = (problem: RouteProblem | undefined): void => {
      if (isDeepStrictEqual(observations.of(uid).routeProblem, problem)) return;
      observations.sawRoute(uid, problem);
      observed.tell(key);
    };
    try {
      const problem = pair.spec.service === undefined ? undefined : await keepRoute(pair, ports, log, signal);
      await removeUnnamed(pair, ports, log, signal);
      tell(problem);
      return problem === undefined ? undefined : { requeueAfterMs: foreignAgainMs };
    } catch (error) {
      if (isTold(error) && !signal.aborted) tell({ reason: 'NotApplied', message: messageOf(error) });
      throw error;
    }
  };
}

/** Somebody else's object may go away; we do not follow it, so it is asked for. */
const foreignAgainMs = 30_000;

/** @returns what belongs to somebody else and is in the way. */
async function keepRoute(pair: FailoverPair, ports: RoutePorts, log: Logger, signal: AbortSignal): Promise<RouteProblem | undefined> {
  const { client, caches } = ports;
  const { namespace } = pair.metadata;
  const service = serviceOf(pair);
  const known = caches.services.get(keyOf(service));
  const isOurs = known !== undefined && hasSameOwner(known, service);
  const slice = caches.endpointSlices.get({ namespace, name: sliceName(service.metadata.name) });
  try {
    // A slice makes the Service of its label lead to our primary, whoever made that Service: it must be ours first. Where it is known
    // to be so the slice goes first, because a failover waits for it.
    if (!isOurs) await keepObject(services, service, known, client, signal);
    const decision = decideRoute({ pair, record: knownRecord(pair, ports), slice });
    if (decision.do === 'point') {
      const { address, epoch } = decision;
      await writeSlice(sliceOf(pair, address, epoch), slice, client, signal);
      log.info({ epoch, address }, 'the Service leads to the primary');
    }
    if (isOurs) await keepObject(services, service, known, client, signal);
    return undefined;
  } catch (error) {
    if (codeOf(error) !== 'HK_OBJECT_FOREIGN') throw error;
    const own = isOurs ? undefined : madeFor(pair, slice);
    if (own !== undefined) await remove(endpointSlices, own, client, signal);
    return { reason: 'ObjectForeign', message: messageOf(error) };
  }
}

/** Slices first: what leads nowhere is refused, what leads to an old primary misleads. */
async function removeUnnamed(pair: FailoverPair, { client, caches }: RoutePorts, log: Logger, signal: AbortSignal): Promise<void> {
  const named = pair.spec.service?.name;
  const keep: ReadonlySet<string> = new Set(named === undefined ? [] : [named, sliceName(named)]);
  const isLeft = (object: KubeObject): boolean => madeFor(pair, object) !== undefined && !keep.has(object.metadata.name);
  const index = keyText(keyOf(pair));
  for (const slice of caches.endpointSlices.byIndex('pair', index).filter(isLeft)) await remove(endpointSlices, slice, client, signal);
  for (const service of caches.services.byIndex('pair', index).filter(isLeft)) {
    await remove(services, service, client, signal);
    log.info({ service: service.metadata.name }, 'a Service that the spec does not name any more was removed');
  }
}

async function remove<T extends KubeObject>(
  type: ResourceType<T>,
  object: T,
  client: Pick<KubeClient, 'delete'>,
  signal: AbortSignal,
): Promise<void> {
  const { uid } = object.metadata;
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  await client.delete(type, keyOf(object), preconditions, signal).catch((error: unknown) => {
    if (!isKubeError(error, 'HK_KUBE_NOT_FOUND')) throw error;
  });
}

/**
 * Created, or replaced exactly as it was decided from: when somebody else was quicker, such as the member, the decision is made again.
 * The family of addresses of a slice never changes, so from IPv4 to IPv6 it is made anew.
 */
async function writeSlice(
  desired: EndpointSlice,
  seen: EndpointSlice | undefined,
  client: Pick<KubeClient, 'create' | 'update' | 'get' | 'delete'>,
  signal: AbortSignal,
): Promise<void> {
  if (seen === undefined) {
    try {
      await client.create(endpointSlices, desired, signal);
      return;
    } catch (error) {
      if (!isKubeError(error, 'HK_KUBE_EXISTS')) throw error;
    }
    const found = await client.get(endpointSlices, keyOf(desired), signal);
    const text = `EndpointSlice ${desired.metadata.name}`;
    throw hasSameOwner(found, desired) ? operatorErrors.HK_OBJECT_UNSEEN(text) : operatorErrors.HK_OBJECT_FOREIGN(text);
  }
  if (!hasSameOwner(seen, desired)) throw operatorErrors.HK_OBJECT_FOREIGN(`EndpointSlice ${desired.metadata.name}`);
  const { resourceVersion = '', uid = '' } = seen.metadata;
  if (seen.addressType !== desired.addressType) {
    await client.delete(endpointSlices, keyOf(seen), { preconditions: { uid, resourceVersion } }, signal);
    await client.create(endpointSlices, desired, signal);
    return;
  }
  await client.update(endpointSlices, { ...desired, metadata: { ...desired.metadata, resourceVersion, uid } }, signal);
}

export function sliceOf(pair: FailoverPair, address: string, epoch: number): EndpointSlice {
  const { namespace } = pair.metadata;
  const service = pair.spec.service?.name ?? '';
  return {
    metadata: {
      namespace,
      name: sliceName(service),
      labels: { ...ownedLabels(pairLabel, pair), ...sliceLabels(service) },
      annotations: { [epochAnnotation]: String(epoch), [membersAnnotation]: sliceMembers(pair) },
    },
    addressType: isIPv6(address) ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: slicePorts(pair),
  };
}

/** Without a selector, so that nobody but us says where it leads. */
export function serviceOf(pair: FailoverPair): Service {
  const { namespace } = pair.metadata;
  const ports = pair.spec.service?.ports ?? [];
  return {
    metadata: { namespace, name: pair.spec.service?.name ?? '', labels: ownedLabels(pairLabel, pair) },
    spec: { ports: ports.map(({ name, port, targetPort }) => ({ name, port, protocol: 'TCP', targetPort: targetPort ?? port })) },
  };
}
