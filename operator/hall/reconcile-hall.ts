import type { Hall, HallStatus } from '#lib/api/hall.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { findCondition, statusDiffers } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import type { RoutingBoard } from '../notifications/routing-board.ts';
import { isTold, notApplied } from '../not-applied.ts';
import { halls } from '../resources.ts';
import { WrittenStatus } from '../written-status.ts';
import { releaseOfGone, releaseOthers, takeName, takePair } from './act-claim.ts';
import { hallFieldManager, serveHall } from './act-hall.ts';
import type { Served, ServePorts } from './act-hall.ts';
import { nameClaim, pairClaim } from './claim.ts';
import { decideRoster } from './decide-roster.ts';
import type { RosterDecision } from './decide-roster.ts';
import { decideRosterPush } from './decide-roster-push.ts';
import { decideStatus, fleetLostAfterMs, withoutCounts } from './decide-status.ts';
import type { FleetLink } from './fleet-link.ts';
import type { HallView } from './hall-view.ts';

export interface HallPorts extends OperatorPorts, ServePorts {
  /** The operator's own namespace, where claims stand. */
  readonly namespace: string;
  readonly board: RoutingBoard;
}

/** Counts alone are written at most this often; what else changes is written at once. */
const countsEveryMs = 2_000;
/** Authorities are looked at this often; a look without a change costs no request. */
const againMs = 3_600_000;
const againJitterMs = 600_000;

/** What was written of Halls that exist. */
interface StatusMemory {
  /** When, by `namespace/name`. */
  readonly writtenAtMs: Map<string, number>;
  readonly written: WrittenStatus<Hall>;
}

/** Brings certificates, roster and connection of a Hall to its spec, and tells in its status what is so. */
export function reconcileHall(ports: HallPorts): Reconcile {
  const writtenAtMs = new Map<string, number>();
  const written = new WrittenStatus<Hall>();
  return async (key, { signal, log }) => {
    const { caches, links } = ports;
    const seen = caches.halls.get(key);
    if (seen === undefined) {
      writtenAtMs.delete(keyText(key));
      written.forget(key);
      await links.drop(key);
      await releaseOfGone(key, ports, signal);
      return undefined;
    }
    // Others still hold the object. What it has it keeps until it is gone.
    if (seen.metadata.deletionTimestamp !== undefined) return undefined;
    const hall = written.of(seen);
    const memory = { writtenAtMs, written };
    try {
      return await bringToSpec(hall, memory, ports, signal);
    } catch (error) {
      if (isTold(error) && !signal.aborted) await tellNotApplied(hall, error, memory, ports, log, signal);
      throw error;
    }
  };
}

async function bringToSpec(hall: Hall, memory: StatusMemory, ports: HallPorts, signal: AbortSignal): ReturnType<Reconcile> {
  const { caches, clock } = ports;
  const key = keyOf(hall);
  const terminals = caches.terminals.byIndex('hall', keyText(key));
  const nowWallMs = clock.wallMs();
  const roster = decideRoster(hall, terminals, nowWallMs);
  const { served, ...claims } = await settle(hall, ports, signal);
  const pushAgainMs = served?.link === undefined ? undefined : await pushRoster(served.link, roster, ports, signal);
  const { link } = served ?? {};
  const view: HallView = {
    hall,
    terminals,
    ...claims,
    pairIsReady: served?.pairIsReady ?? false,
    secretProblem: served?.secretProblem,
    link: link === undefined ? undefined : { picture: link.picture, lostMs: link.lostMs, attempt: link.attempt },
    rosterRevision: roster.roster.revision,
    routing: ports.board.get(key),
    nowWallMs,
  };
  const countsInMs = await writeStatus(view, memory, ports, signal);
  return {
    requeueAfterMs: soonest([
      againMs + ports.random.below(againJitterMs),
      pushAgainMs,
      countsInMs,
      link === undefined || link.lostMs === 0 || link.lostMs >= fleetLostAfterMs ? undefined : fleetLostAfterMs - link.lostMs + 1,
      roster.changesAtMs === undefined ? undefined : roster.changesAtMs - nowWallMs,
      served?.dueAtMs === undefined ? undefined : served.dueAtMs - nowWallMs,
    ]),
  };
}

/** Says in the status why the look ended. What cannot be said is left to the log: the error that ended the look matters more. */
async function tellNotApplied(
  hall: Hall,
  error: unknown,
  { written }: StatusMemory,
  ports: HallPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const status = { ...hall.status, conditions: notApplied(hall.status?.conditions, error, hall.metadata.generation, ports.clock.wallMs()) };
  if (!statusDiffers(hall.status, status)) return;
  try {
    await applyStatus(hall, status, ports, signal);
    written.wrote(hall, status);
  } catch (failure) {
    log.warn({ error: messageOf(failure) }, 'the status could not be written either');
  }
}

interface Settled extends Pick<HallView, 'pair' | 'nameTakenBy' | 'pairTakenBy'> {
  /** Absent while the Hall is not served. */
  readonly served: Served | undefined;
}

/** Takes what only one Hall may have, gives back what it does not want any more, and serves it when it has both. */
async function settle(hall: Hall, ports: HallPorts, signal: AbortSignal): Promise<Settled> {
  const { namespace, name } = hall.metadata;
  const pair = ports.caches.pairs.get({ namespace, name: hall.spec.failoverPairRef.name });
  const nameTakenBy = await takeName(hall, ports, signal);
  const mayServe = nameTakenBy === undefined && pair !== undefined;
  const pairTakenBy = mayServe ? await takePair(hall, pair, ports, signal) : undefined;
  const wanted = nameTakenBy === undefined ? [nameClaim(name).name, ...(pair === undefined ? [] : [pairClaim(pair).name])] : [];
  await releaseOthers(hall, wanted, ports, signal);
  if (!mayServe || pairTakenBy !== undefined) {
    await ports.links.drop(keyOf(hall));
    return { pair, nameTakenBy, pairTakenBy, served: undefined };
  }
  return { pair, nameTakenBy, pairTakenBy, served: await serveHall(hall, pair, ports, signal) };
}

/** @returns in how many milliseconds to look again. */
async function pushRoster(
  link: FleetLink,
  { roster }: RosterDecision,
  { clock }: HallPorts,
  signal: AbortSignal,
): Promise<number | undefined> {
  const ask = (): ReturnType<typeof decideRosterPush> => decideRosterPush(roster.revision, link.picture, link.attempt, clock.nowMs());
  if (ask().do === 'put') await link.store(roster, signal);
  const next = ask();
  return next.do === 'wait' ? next.ms : undefined;
}

/** @returns in how many milliseconds the counts may be written, when they had to wait. */
async function writeStatus(
  view: HallView,
  { writtenAtMs, written }: StatusMemory,
  ports: HallPorts,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { hall } = view;
  const status = decideStatus(view);
  if (!statusDiffers(hall.status, status)) return undefined;
  const text = keyText(keyOf(hall));
  const waitMs = (writtenAtMs.get(text) ?? -Infinity) + countsEveryMs - ports.clock.nowMs();
  if (waitMs > 0 && !statusDiffers(withoutCounts(hall.status), withoutCounts(status))) return waitMs;
  await applyStatus(hall, status, ports, signal);
  written.wrote(hall, status);
  writtenAtMs.set(text, ports.clock.nowMs());
  tellTransitions(hall, status, ports);
  return undefined;
}

async function applyStatus(hall: Hall, status: HallStatus, { client }: HallPorts, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = hall.metadata;
  const body = { metadata: { namespace, name, uid }, status };
  await client.apply(halls, body, { fieldManager: `${hallFieldManager}-status`, force: true, subresource: 'status' }, signal);
}

/** An event when a condition changes its status, but none for the first good news. */
function tellTransitions(hall: Hall, { conditions }: HallStatus, { events }: HallPorts): void {
  for (const { type, status, reason, message } of conditions ?? []) {
    if (type === 'NotificationsRouted') continue;
    const before = findCondition(hall.status?.conditions as readonly Condition[] | undefined, type);
    if (before?.status === status || status === 'Unknown' || (before === undefined && status === 'True')) continue;
    events.record(halls, hall, { type: status === 'True' ? 'Normal' : 'Warning', reason, action: type, note: message });
  }
}

const soonest = (times: readonly (number | undefined)[]): number => Math.max(1, Math.min(...times.filter((time) => time !== undefined)));
