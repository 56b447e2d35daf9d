import type { DrillSchedule } from '#lib/api/drillschedule.gen.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import type { PairRecord } from '#lib/api/pairrecord.gen.ts';
import { keyText } from '#lib/kube/objects.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { controllerOf } from '#lib/kube/owner.ts';
import { Store } from '#lib/kube/store.ts';
import { hallLabel, pairLabel } from '../labels.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import type { EndpointSlice, KubeConfigMap, KubeSecret, Service } from '../resources.ts';

/** What the operator sees, filled by a test, with the indexes of the real caches. */
export class FilledCaches {
  readonly halls = new SeenStore<Hall>({
    pair: ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.failoverPairRef.name })],
  });
  readonly pairs = new SeenStore<FailoverPair>();
  readonly pairRecords = new SeenStore<PairRecord>();
  readonly pairOperations = new SeenStore<PairOperation>({
    pair: ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.pairRef.name })],
    owner: (operation) => [controllerOf(operation)?.uid ?? ''],
  });
  readonly drillSchedules = new SeenStore<DrillSchedule>({
    pair: ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.pairRef.name })],
  });
  readonly claims = new SeenStore<KubeConfigMap>({ name: ({ metadata }) => [metadata.name] });
  readonly secrets = new SeenStore<KubeSecret>({ pair: byLabel(pairLabel), hall: byLabel(hallLabel) });
  readonly services = new SeenStore<Service>({ pair: byLabel(pairLabel) });
  readonly endpointSlices = new SeenStore<EndpointSlice>({ pair: byLabel(pairLabel) });

  get caches(): OperatorCaches {
    return this as unknown as OperatorCaches;
  }
}

/** A store that stands for all namespaces but `elsewhere`, which another operator looks after. */
export class SeenStore<T extends KubeObject> extends Store<T> {
  constructor(indexes: Readonly<Record<string, (object: T) => readonly string[]>> = {}) {
    super(indexes, (error) => {
      throw error;
    });
  }

  follows(namespace: string): boolean {
    return namespace !== 'elsewhere';
  }

  /** Puts objects, those without a version in a new one. */
  see(...objects: readonly T[]): void {
    for (const object of objects) {
      const known = this.get(object.metadata)?.metadata.resourceVersion ?? '0';
      this.put({ ...object, metadata: { ...object.metadata, resourceVersion: `${known}0` } });
    }
  }
}

function byLabel(label: string): (object: KubeObject) => readonly string[] {
  return ({ metadata }) => {
    const owner = metadata.labels?.[label];
    return owner === undefined ? [] : [keyText({ namespace: metadata.namespace, name: owner })];
  };
}
