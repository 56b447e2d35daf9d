import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import type { KubeCaches } from '#lib/kube/caches.ts';
import { keyText } from '#lib/kube/objects.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { controllerOf } from '#lib/kube/owner.ts';
import { Followed } from './followed.ts';
import { claimLabel, hallLabel, managedSelector, pairLabel } from './labels.ts';
import {
  configMaps,
  drillSchedules,
  endpointSlices,
  failoverPairs,
  halls,
  pairOperations,
  pairRecords,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
  services,
  terminals,
} from './resources.ts';
import type { EndpointSlice, KubeConfigMap, KubeSecret, Role, RoleBinding, Service, ServiceAccount } from './resources.ts';

/**
 * Everything the operator follows, shared by all controllers. Of the kinds of Kubernetes only what bears our label is here: a Secret
 * that a person made is read from the server by its name.
 */
export interface OperatorCaches {
  /** Index `pair`: `namespace/name` of the pair that serves the hall. */
  readonly halls: Followed<Hall>;
  /** Index `hall`: `namespace/name` of the hall. */
  readonly terminals: Followed<Terminal>;
  readonly pairs: Followed<FailoverPair>;
  readonly pairRecords: Followed<PairRecord>;
  /** Index `pair`: `namespace/name` of the pair that is concerned. Index `owner`: UID of the DrillSchedule that asked for it. */
  readonly pairOperations: Followed<PairOperation>;
  /** Index `pair`: `namespace/name` of the pair that is concerned. */
  readonly drillSchedules: Followed<DrillSchedule>;
  /** Who holds the name of a hall, and which hall a pair serves: ConfigMaps in the operator's own namespace. Index `name`. */
  readonly claims: Followed<KubeConfigMap>;
  /** Ours only, like all below. Indexes `pair` and `hall`: `namespace/name` of the pair or hall, by label. */
  readonly secrets: Followed<KubeSecret>;
  readonly serviceAccounts: Followed<ServiceAccount>;
  readonly roles: Followed<Role>;
  readonly roleBindings: Followed<RoleBinding>;
  readonly services: Followed<Service>;
  readonly endpointSlices: Followed<EndpointSlice>;
}

/**
 * Declares every resource. Before the caches start.
 *
 * @param namespaces    Empty: all.
 * @param ownNamespace  The operator's own, where claims stand.
 */
export function followResources(caches: KubeCaches, namespaces: readonly string[], ownNamespace: string): OperatorCaches {
  const ours = { labelSelector: managedSelector, indexes: { pair: byLabel(pairLabel), hall: byLabel(hallLabel) } };
  return {
    halls: new Followed(caches, namespaces, halls, {
      indexes: { pair: ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.failoverPairRef.name })] },
    }),
    terminals: new Followed(caches, namespaces, terminals, {
      indexes: { hall: ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.hallRef.name })] },
    }),
    pairs: new Followed(caches, namespaces, failoverPairs),
    pairRecords: new Followed(caches, namespaces, pairRecords),
    pairOperations: new Followed(caches, namespaces, pairOperations, {
      indexes: {
        pair: ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.pairRef.name })],
        owner: (operation) => [controllerOf(operation)?.uid ?? ''].filter((uid) => uid !== ''),
      },
    }),
    drillSchedules: new Followed(caches, namespaces, drillSchedules, {
      indexes: { pair: ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.pairRef.name })] },
    }),
    claims: new Followed(caches, [ownNamespace], configMaps, {
      labelSelector: `${managedSelector},${claimLabel}`,
      indexes: { name: ({ metadata }) => [metadata.name] },
    }),
    secrets: new Followed(caches, namespaces, secrets, ours),
    serviceAccounts: new Followed(caches, namespaces, serviceAccounts, ours),
    roles: new Followed(caches, namespaces, roles, ours),
    roleBindings: new Followed(caches, namespaces, roleBindings, ours),
    services: new Followed(caches, namespaces, services, ours),
    endpointSlices: new Followed(caches, namespaces, endpointSlices, ours),
  };
}

function byLabel(label: string): (object: KubeObject) => readonly string[] {
  return ({ metadata }) => {
    const owner = metadata.labels?.[label];
    return owner === undefined ? [] : [keyText({ namespace: metadata.namespace, name: owner })];
  };
}
