import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { annotationsChanged, anyOf, differs, generationChanged, mapSelf } from '#lib/kube/mapping.ts';
import type { Mapping } from '#lib/kube/mapping.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { KubeObject, ObjectKey } from '#lib/kube/objects.ts';
import { defineController, hear, watch } from '../frame.ts';
import type { ControllerDefinition, OperatorPorts, Room } from '../frame.ts';
import { hallLabel, pairLabel, terminalLabel } from '../labels.ts';
import { notificationsControllers } from '../notifications/notifications-room.ts';
import { notConfigured, RoutingBoard } from '../notifications/routing-board.ts';
import { Nudge } from '../nudge.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import { OperatorCertificates } from '../pair/operator-certificates.ts';
import { hallAuthoritySecretName } from '../pair/pair-names.ts';
import type { KubeConfigMap, KubeSecret } from '../resources.ts';
import type { OperatorSettings } from '../settings.ts';
import { reconcileTerminal } from '../terminal/reconcile-terminal.ts';
import { StatusPace } from '../terminal/status-pace.ts';
import { claimedPairOf, parseClaim } from './claim.ts';
import { FleetLinks } from './fleet-links.ts';
import { reconcileHall } from './reconcile-hall.ts';

/**
 * The controllers of Halls and Terminals, which share the connections to the hall servers: `hall` makes what belongs to a hall, stores
 * its roster and tells its status; `terminal` enrols each terminal and tells its state; `notifications` writes the Alertmanager
 * configuration of all halls, and what became of it stands in their status.
 */
export function hallRoom(ports: OperatorPorts, settings: OperatorSettings): Room {
  const hallNews = new Nudge();
  const terminalNews = new Nudge();
  const links = new FleetLinks({ ...ports, halls: hallNews, terminals: terminalNews });
  const board = new RoutingBoard(hallNews, settings.notify === undefined ? notConfigured : undefined);
  const inside = {
    ...ports,
    links,
    board,
    namespace: settings.namespace,
    certificates: new OperatorCertificates(ports),
    pace: new StatusPace(ports.clock),
  };
  return {
    parts: [links.part()],
    controllers: [
      ...notificationsControllers(ports, settings, board),
      hallController(inside, hallNews),
      defineController({
        name: 'terminal',
        reconcile: reconcileTerminal(inside),
        refusedAgainMs,
        workers: 8,
        watches: [
          watch(ports.caches.terminals, mapSelf(), generationChanged()),
          watch(ports.caches.halls, mapHallTerminals(ports.caches), generationChanged()),
          watch(ports.caches.claims, mapClaimTerminals(ports.caches)),
          watch(ports.caches.pairs, mapPairTerminals(ports.caches), generationChanged()),
          watch(ports.caches.secrets, mapSecretTerminals(ports.caches)),
          hear(terminalNews),
        ],
      }),
    ],
  };
}

function hallController(inside: Parameters<typeof reconcileHall>[0], news: Nudge): ControllerDefinition {
  const { caches } = inside;
  return defineController({
    name: 'hall',
    reconcile: reconcileHall(inside),
    refusedAgainMs,
    watches: [
      watch(caches.halls, mapSelf(), anyOf<Hall>(generationChanged(), annotationsChanged())),
      watch(caches.terminals, mapHallRef(), generationChanged()),
      watch(caches.pairs, mapPairHalls(caches), differs(shownOfPair)),
      watch(caches.claims, mapClaim(caches)),
      watch(caches.secrets, mapSecretHalls(caches)),
      hear(news),
    ],
  });
}

/** Certificates and rosters are due with time: what is refused now is tried again, slowly, without any change. */
const refusedAgainMs = 600_000;

/** What a Hall shows of its pair, or needs of it. */
function shownOfPair({ metadata, status }: FailoverPair): unknown {
  const ready = status?.conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible')?.status;
  return [metadata.uid, metadata.generation, status?.primary, status?.epoch, status?.lastFailover, ready];
}

const both = <T>({ before, after }: { readonly before: T | undefined; readonly after: T | undefined }): readonly T[] =>
  [before, after].filter((object) => object !== undefined);

function mapHallRef(): Mapping<Terminal> {
  return (change) => both(change).map(({ metadata, spec }) => ({ namespace: metadata.namespace, name: spec.hallRef.name }));
}

function mapPairHalls({ halls }: OperatorCaches): Mapping<FailoverPair> {
  return ({ key }) => halls.byIndex('pair', keyText(key)).map(keyOf);
}

/** The holder, for it may be gone; and all that may want what was claimed: halls of the name, or of the pair. */
function mapClaim({ halls }: OperatorCaches): Mapping<KubeConfigMap> {
  return (change) =>
    both(change).flatMap((claim) => {
      const holder = parseClaim(claim);
      if (holder === undefined) return [];
      const pair = claimedPairOf(claim);
      const rivals =
        pair === undefined ? halls.list().filter(({ metadata }) => metadata.name === holder.name) : halls.byIndex('pair', keyText(pair));
      return [{ namespace: holder.namespace, name: holder.name }, ...rivals.map(keyOf)];
    });
}

/** Secrets of the hall itself, and those of its pair. Secrets of its terminals are the other controller's. */
function mapSecretHalls({ halls }: OperatorCaches): Mapping<KubeSecret> {
  return ({ before, after }) => {
    const { namespace, labels = {} } = (after ?? before)?.metadata ?? {};
    if (labels[terminalLabel] !== undefined) return [];
    const hall = labels[hallLabel];
    const pair = labels[pairLabel];
    if (hall !== undefined) return [{ namespace, name: hall }];
    return pair === undefined ? [] : halls.byIndex('pair', keyText({ namespace, name: pair })).map(keyOf);
  };
}

const terminalsOf = ({ terminals }: OperatorCaches, hall: ObjectKey): readonly ObjectKey[] =>
  terminals.byIndex('hall', keyText(hall)).map(keyOf);

function mapHallTerminals<T extends KubeObject>(caches: OperatorCaches): Mapping<T> {
  return ({ key }) => terminalsOf(caches, key);
}

function mapClaimTerminals(caches: OperatorCaches): Mapping<KubeConfigMap> {
  return (change) =>
    both(change).flatMap((claim) => {
      const holder = parseClaim(claim);
      return holder === undefined ? [] : terminalsOf(caches, { namespace: holder.namespace, name: holder.name });
    });
}

function mapPairTerminals(caches: OperatorCaches): Mapping<FailoverPair> {
  return ({ key }) => caches.halls.byIndex('pair', keyText(key)).flatMap((hall) => terminalsOf(caches, keyOf(hall)));
}

/** A terminal's own Secret, and the authorities of its hall and pair, which concern all terminals. */
function mapSecretTerminals(caches: OperatorCaches): Mapping<KubeSecret> {
  const authorities = mapSecretHalls(caches);
  return (change) => {
    const { namespace, name, labels = {} } = (change.after ?? change.before)?.metadata ?? { name: '' };
    const terminal = labels[terminalLabel];
    if (terminal !== undefined) return [{ namespace, name: terminal }];
    const hall = labels[hallLabel];
    const isAuthority = hall === undefined ? name.endsWith('-ca') : name === hallAuthoritySecretName(hall);
    return isAuthority ? [...authorities(change)].flatMap((key) => terminalsOf(caches, key)) : [];
  };
}
