import { mapIndex, mapSelf } from '#lib/kube/mapping.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { KubeObject, ObjectKey } from '#lib/kube/objects.ts';
import { defineController, hear, watch } from '../frame.ts';
import type { ControllerDefinition } from '../frame.ts';
import type { PairPorts } from '../pair/pair-ports.ts';
import { reconcileOperation } from './reconcile-operation.ts';

/** Operations are looked at when they, their pair, its record, or what is seen of its members change. */
export function operationController(ports: PairPorts): ControllerDefinition {
  const { caches, observed } = ports;
  const operations = caches.pairOperations;
  const ofPair = (key: ObjectKey): readonly ObjectKey[] => operations.byIndex('pair', keyText(key)).map(keyOf);
  const pairOf = (object: KubeObject): readonly string[] => [keyText(keyOf(object))];
  return defineController({
    name: 'pair-operation',
    reconcile: reconcileOperation(ports),
    // Its time may run out, and its end is followed by its removal.
    refusedAgainMs: 60_000,
    watches: [
      watch(operations, mapSelf()),
      // One that ends lets the next begin.
      watch(
        operations,
        mapIndex(operations, 'pair', ({ metadata, spec }) => [keyText({ namespace: metadata.namespace, name: spec.pairRef.name })]),
      ),
      watch(caches.pairs, mapIndex(operations, 'pair', pairOf)),
      watch(caches.pairRecords, mapIndex(operations, 'pair', pairOf)),
      hear(observed, ofPair),
    ],
  });
}
