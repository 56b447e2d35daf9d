import { differs } from '#lib/kube/mapping.ts';
import type { Mapping } from '#lib/kube/mapping.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { ForeignSecrets } from '../foreign-secrets.ts';
import { defineController, watch } from '../frame.ts';
import type { ControllerDefinition, OperatorPorts } from '../frame.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { claimLabel } from '../labels.ts';
import type { NotifyTarget } from '../notify/settings.ts';
import type { OperatorSettings } from '../settings.ts';
import { reconcileNotifications } from './reconcile-notifications.ts';
import type { RoutingBoard } from './routing-board.ts';

/** One controller for the one Secret: every Hall's change is a look at the whole. None when the settings name no way to notify. */
export function notificationsControllers(
  ports: OperatorPorts,
  { notify, namespace }: Pick<OperatorSettings, 'notify' | 'namespace'>,
  board: RoutingBoard,
): readonly ControllerDefinition[] {
  if (notify === undefined) return [];
  const { caches } = ports;
  const { target } = notify;
  const all = mapTarget(target);
  return [
    defineController({
      name: 'notifications',
      reconcile: reconcileNotifications({ ...ports, foreign: new ForeignSecrets(ports), board, settings: notify, namespace }),
      workers: 1,
      // Secrets that people made are read again with time.
      refusedAgainMs: 300_000,
      watches: [
        // Without a single Hall, too: alerts of the platform need their receivers.
        { attach: (controller) => controller.enqueue(target) },
        watch(caches.halls, all, differs(wishOf)),
        watch(
          caches.claims,
          all,
          differs((claim) => [claim.metadata.labels?.[claimLabel], claim.data]),
        ),
        watch(caches.secrets, mapTarget(target), ({ key }) => key.namespace === target.namespace && key.name === target.name),
      ],
    }),
  ];
}

const wishOf = ({ metadata, spec }: Hall): unknown => [metadata.uid, spec.timeZone, spec.notify];

function mapTarget<T extends KubeObject>({ namespace, name }: NotifyTarget): Mapping<T> {
  return () => [{ namespace, name }];
}
