import { isIPv6 } from 'node:net';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import type { Nudge } from '../nudge.ts';
import type { Observations } from './observations.ts';
import { hasSameOwner, ownedLabels, pairLabel } from '../labels.ts';
import { keepObject } from '../keep.ts';
import { endpointSlices, services } from '../resources.ts';
import type { EndpointSlice, Service } from '../resources.ts';
import { operatorErrors } from '../errors.ts';
import { decideRoute, slicePorts } from './decide-route.ts';
import { epochAnnotation, sliceName } from './pair-names.ts';

/** Label by which kube-proxy and others find the slices of a Service. */
const serviceLabel = 'kubernetes.io/service-name';
const sliceManagerLabel = 'endpointslice.kubernetes.io/managed-by';

export interface RoutePorts extends Pick<OperatorPorts, 'client' | 'caches'> {
  readonly observations: Observations;
  readonly observed: Nudge;
}

/**
 * Points the Service of a pair to its primary. A controller of its own: when the record changes nothing else may be waited for.
 * What stands in the way is told by the condition ServiceInSync.
 */
export function followRoute(ports: RoutePorts): Reconcile {
  const { caches, observations, observed } = ports;
  return async (key, { signal, log }) => {
    const pair = caches.pairs.get(key);
    if (pair?.spec.service === undefined || pair.metadata.deletionTimestamp !== undefined) return undefined;
    const { uid } = pair.metadata;
    const tell = (problem: string | undefined): void => {
      if (observations.of(uid).routeProblem === problem) return;
      observations.sawRoute(uid, problem);
      observed.tell(key);
    };
    try {
      await keepRoute(pair, ports, log, signal);
      tell(undefined);
      return undefined;
    } catch (error) {
      if (codeOf(error) !== 'HK_OBJECT_FOREIGN') throw error;
      tell(messageOf(error));
      return { requeueAfterMs: foreignAgainMs };
    }
  };
}

/** Somebody else's object may go away; we do not follow it, so it is asked for. */
const foreignAgainMs = 30_000;

async function keepRoute(pair: FailoverPair, { client, caches }: RoutePorts, log: Logger, signal: AbortSignal): Promise<void> {
  const { namespace, name } = pair.metadata;
  const service = pair.spec.service?.name ?? '';
  const slice = caches.endpointSlices.get({ namespace, name: sliceName(service) });
  const decision = decideRoute({ pair, record: caches.pairRecords.get({ namespace, name }), slice });
  if (decision.do === 'point') {
    const { address, epoch } = decision;
    await writeSlice(sliceOf(pair, address, epoch), slice, client, signal);
    log.info({ epoch, address }, 'the Service leads to the primary');
  }
  await keepObject(services, serviceOf(pair), caches.services.get({ namespace, name: service }), client, signal);
}

/** Created, or replaced exactly as it was decided from: when somebody else was quicker the decision is made again. */
async function writeSlice(
  desired: EndpointSlice,
  seen: EndpointSlice | undefined,
  client: Pick<KubeClient, 'create' | 'update' | 'get'>,
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
  await client.update(endpointSlices, { ...desired, metadata: { ...desired.metadata, resourceVersion, uid } }, signal);
}

export function sliceOf(pair: FailoverPair, address: string, epoch: number): EndpointSlice {
  const { namespace } = pair.metadata;
  const service = pair.spec.service?.name ?? '';
  return {
    metadata: {
      namespace,
      name: sliceName(service),
      labels: { ...ownedLabels(pairLabel, pair), [serviceLabel]: service, [sliceManagerLabel]: 'hallkeeper.dev' },
      annotations: { [epochAnnotation]: String(epoch) },
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
