import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { anyOf, annotationsChanged, differs, generationChanged, mapSelf } from '#lib/kube/mapping.ts';
import type { Mapping } from '#lib/kube/mapping.ts';
import { keyOf, keyText, parseKey } from '#lib/kube/objects.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { ForeignSecrets, secretAgeMaxMs } from '../foreign-secrets.ts';
import { defineController, hear, watch } from '../frame.ts';
import type { ControllerDefinition, OperatorPorts, Room } from '../frame.ts';
import { claimedPairOf } from '../hall/claim.ts';
import { hallLabel, pairLabel } from '../labels.ts';
import { Nudge } from '../nudge.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import { operationController } from '../pair-operation/operation-controller.ts';
import { followRoute } from './act-route.ts';
import { rivalsOf } from './decide-refusal.ts';
import { MemberClient } from './member-client.ts';
import { Observations } from './observations.ts';
import { OperatorCertificates } from './operator-certificates.ts';
import type { PairPorts } from './pair-ports.ts';
import { pollMembers } from './poll-members.ts';
import { reconcilePair } from './reconcile-pair.ts';
import { watchDns } from './watch-dns.ts';
import type { DnsPace } from './watch-dns.ts';
import type { KubeConfigMap } from '../resources.ts';

/** How often it is looked at what nobody tells of. */
interface PairPace {
  readonly dns: DnsPace;
  /** A change of a Secret that a person made is seen after this at the latest. */
  readonly secretAgeMaxMs: number;
}

const usualPace: PairPace = { dns: { everyMs: 10_000, jitterMs: 1_000, movingAgainMs: 2_000 }, secretAgeMaxMs };

/** The controllers of FailoverPairs and of their operations, at the usual pace. */
export function pairRoom(ports: OperatorPorts): Room {
  return pairRoomAt(usualPace, ports);
}

/**
 * The same at a pace of its own. Several controllers, so that none waits for another: `pair` makes what is in the cluster and tells the
 * status, `pair-route` follows the record with the EndpointSlice, `pair-members` asks the agents, `pair-dns` asks the name servers.
 */
export function pairRoomAt(pace: PairPace, ports: OperatorPorts): Room {
  const { caches } = ports;
  const observations = new Observations();
  const observed = new Nudge();
  const recordMoved = new Nudge();
  const certificates = new OperatorCertificates(ports);
  const members = new MemberClient();
  const foreign = new ForeignSecrets(ports, pace.secretAgeMaxMs);
  const inside = { ...ports, observations, observed, recordMoved, certificates, members, foreign };
  const ours = mapPairLabel();
  return {
    parts: [members.part()],
    controllers: [
      operationController(inside),
      pairController(inside),
      defineController({
        name: 'pair-route',
        reconcile: followRoute(inside),
        refusedAgainMs,
        backoff: { firstMs: 20, maxMs: 5_000, jitterPercent: 20 },
        watches: [
          watch(caches.pairs, mapSelf(), specChanged),
          watch(caches.pairRecords, mapSelf()),
          watch(caches.services, ours),
          watch(caches.endpointSlices, ours),
          hear(recordMoved),
        ],
      }),
      defineController({
        name: 'pair-members',
        reconcile: pollMembers(inside),
        refusedAgainMs,
        workers: 16,
        watches: [watch(caches.pairs, mapSelf(), specChanged), watch(caches.pairRecords, mapSelf())],
      }),
      defineController({
        name: 'pair-dns',
        reconcile: watchDns(inside, pace.dns),
        refusedAgainMs,
        workers: 16,
        watches: [watch(caches.pairs, mapSelf(), specChanged), watch(caches.pairRecords, mapSelf()), hear(recordMoved)],
      }),
    ],
  };
}

function pairController(inside: PairPorts): ControllerDefinition {
  const { caches, observed } = inside;
  const ours = mapPairLabel();
  return defineController({
    name: 'pair',
    reconcile: reconcilePair(inside),
    refusedAgainMs,
    watches: [
      watch(caches.pairs, mapSelf(), specChanged),
      watch(caches.pairs, mapRivals(caches), generationChanged()),
      watch(caches.pairRecords, mapSelf()),
      watch(
        caches.halls,
        mapPairRef(),
        anyOf(
          generationChanged<Hall>(),
          differs((hall) => hall.metadata.deletionTimestamp),
        ),
      ),
      watch(caches.secrets, ours),
      watch(caches.secrets, mapHallAuthority(caches)),
      watch(caches.claims, mapClaimedPair()),
      watch(caches.serviceAccounts, ours),
      watch(caches.roles, ours),
      watch(caches.roleBindings, ours),
      watch(caches.services, ours),
      watch(caches.endpointSlices, ours),
      hear(observed),
    ],
  });
}

/** What a person or an operation changes of a pair. Our own finalizer, too: somebody else's clean-up may have taken it off. */
const specChanged = anyOf<FailoverPair>(
  generationChanged(),
  annotationsChanged(),
  differs(({ metadata }) => metadata.finalizers),
);

/** Tokens, certificates and calls to members are due with time: what is refused now is tried again, slowly, without any change. */
const refusedAgainMs = 300_000;

/** The pair whose label an object of ours bears. */
function mapPairLabel<T extends KubeObject>(): Mapping<T> {
  return ({ before, after }) =>
    [before, after].flatMap((object) => {
      const name = object?.metadata.labels?.[pairLabel];
      return name === undefined ? [] : [{ namespace: object?.metadata.namespace, name }];
    });
}

function mapPairRef(): Mapping<Hall> {
  return ({ before, after }) =>
    [before, after].flatMap((hall) =>
      hall === undefined ? [] : [{ namespace: hall.metadata.namespace, name: hall.spec.failoverPairRef.name }],
    );
}

/** Another Hall has the pair now, or none. */
function mapClaimedPair(): Mapping<KubeConfigMap> {
  return ({ before, after }) =>
    [before, after].flatMap((claim) => {
      const pair = claim === undefined ? undefined : claimedPairOf(claim);
      return pair === undefined ? [] : [pair];
    });
}

/** The authority of a hall came or changed: the pair that serves the hall tells it to its members. */
function mapHallAuthority<T extends KubeObject>({ halls }: OperatorCaches): Mapping<T> {
  return ({ before, after }) => {
    const { namespace, labels } = (after ?? before)?.metadata ?? {};
    const hall = labels?.[hallLabel] === undefined ? undefined : halls.get({ namespace, name: labels[hallLabel] });
    return hall === undefined ? [] : [{ namespace, name: hall.spec.failoverPairRef.name }];
  };
}

/** The pairs that were refused because of this one's address, or are so now. */
function mapRivals({ pairs }: OperatorCaches): Mapping<FailoverPair> {
  return ({ before, after }) => {
    const changed = [before, after].filter((pair) => pair !== undefined);
    const keys = pairs.list().filter((pair) => rivalsOf(pair, changed).length > 0);
    return [...new Set(keys.map((pair) => keyText(keyOf(pair))))].map(parseKey);
  };
}
