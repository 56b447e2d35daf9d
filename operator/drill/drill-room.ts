import { differs, generationChanged, mapIndex, mapOwner, mapSelf } from '#lib/kube/mapping.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import { defineController, watch } from '../frame.ts';
import type { OperatorPorts, Room } from '../frame.ts';
import { drillSchedules } from '../resources.ts';
import { reconcileDrill } from './reconcile-drill.ts';

/** The controller of DrillSchedules: asks for PairOperations when they are due. What these do is the business of their own controller. */
export function drillRoom(ports: OperatorPorts): Room {
  const { caches } = ports;
  return {
    controllers: [
      defineController({
        name: 'drill',
        reconcile: reconcileDrill(ports),
        refusedAgainMs: 60_000,
        watches: [
          watch(caches.drillSchedules, mapSelf(), generationChanged()),
          watch(caches.pairOperations, mapOwner(drillSchedules, caches.drillSchedules)),
          watch(
            caches.pairs,
            mapIndex(caches.drillSchedules, 'pair', (pair) => [keyText(keyOf(pair))]),
            differs(({ metadata }) => metadata.uid),
          ),
        ],
      }),
    ],
  };
}
