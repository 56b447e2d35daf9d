import type { FailoverPair, FailoverPairStatus } from '#lib/api/failoverpair.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { Applier } from '#lib/kube/apply.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import { setCondition, statusDiffers } from '#lib/kube/conditions.ts';
import type { Condition } from '#lib/kube/conditions.ts';
import { isTold, notApplied, notAppliedStatement } from '../not-applied.ts';
import { failoverPairs } from '../resources.ts';
import { WrittenStatus } from '../written-status.ts';
import { putFinalizer, takeDown } from './act-deletion.ts';
import { provision } from './act-provision.ts';
import { decideConditions } from './decide-conditions.ts';
import { decideDeletion } from './decide-deletion.ts';
import { decideFailoverNews } from './decide-failover-news.ts';
import { decideNews } from './decide-news.ts';
import { refusalsOf } from './decide-refusal.ts';
import { decideStatus } from './decide-status.ts';
import { gatherPair } from './gather-pair.ts';
import type { PairStatement } from './pair-conditions.ts';
import type { PairPorts } from './pair-ports.ts';

/** Certificates and tokens are looked at this often; each look without a change costs no request. */
const againMs = 60_000;
const refusedAgainMs = 12_000;

/** Writes the status of pairs, and remembers it until the cache shows it. */
class StatusWriter {
  readonly written = new WrittenStatus<FailoverPair>();
  readonly #applier: Applier;

  constructor(client: PairPorts['client']) {
    this.#applier = new Applier({ client, fieldManager: 'hallkeeper-pair' });
  }

  async write(pair: FailoverPair, status: FailoverPairStatus, signal: AbortSignal): Promise<void> {
    await this.#applier.applyStatus(failoverPairs, pair, status, signal);
    this.written.wrote(pair, status);
  }
}

/** Brings a pair's record, authority, rights and settings to its spec, and tells in its status what is so. */
export function reconcilePair(ports: PairPorts): Reconcile {
  const writer = new StatusWriter(ports.client);
  return async (key, { signal, log }) => {
    const seen = ports.caches.pairs.get(key);
    if (seen === undefined) {
      writer.written.forget(key);
      return undefined;
    }
    const pair = writer.written.of(seen);
    try {
      if (await beingDeleted(pair, writer, ports, log, signal)) return undefined;
      return await bringToSpec(pair, writer, ports, signal);
    } catch (error) {
      if (isTold(error) && !signal.aborted) await tellNotApplied(pair, error, writer, ports, log, signal);
      throw error;
    }
  };
}

async function bringToSpec(pair: FailoverPair, writer: StatusWriter, ports: PairPorts, signal: AbortSignal): ReturnType<Reconcile> {
  const gathered = await gatherPair(pair, ports, signal);
  const refusals = refusalsOf(gathered);
  const done = await provision(gathered, refusals, ports, signal);
  const view = { ...gathered, ...done };
  const statements = decideConditions(view, { refusals, authorityProblem: done.authorityProblem });
  const status = decideStatus(view, statements, ports.clock.wallMs());
  if (statusDiffers(pair.status, status)) {
    await writer.write(pair, status, signal);
    tellTransitions(pair, statements, ports);
    for (const news of decideFailoverNews(pair.status, status, view.drills, ports.clock.wallMs())) {
      ports.events.record(failoverPairs, pair, news);
    }
  }
  // A refused spec may be met by something that we do not follow, such as a Secret that a person makes.
  const nextMs = refusals.length > 0 || done.foreign.length > 0 ? refusedAgainMs : againMs;
  return { requeueAfterMs: nextMs + ports.random.below(nextMs / 6) };
}

/** Says in the status why the look ended. What cannot be said is left to the log: the error that ended the look matters more. */
async function tellNotApplied(
  pair: FailoverPair,
  error: unknown,
  writer: StatusWriter,
  ports: PairPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const conditions = notApplied(pair.status?.conditions, error, pair.metadata.generation, ports.clock.wallMs());
  const status = { ...pair.status, conditions };
  if (!statusDiffers(pair.status, status)) return;
  try {
    await writer.write(pair, status, signal);
    tellTransitions(pair, [notAppliedStatement(error)], ports);
  } catch (failure) {
    log.warn({ error: messageOf(failure) }, 'the status could not be written either');
  }
}

/** Does what the deletion policy asks for. False: the pair lives, and is reconciled. */
async function beingDeleted(
  pair: FailoverPair,
  writer: StatusWriter,
  ports: PairPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  const decision = decideDeletion(pair, ports.clock.wallMs());
  if (decision.do === 'cleanUp') {
    try {
      await takeDown(pair, decision.giveUp, ports, log, signal);
    } catch (error) {
      if (codeOf(error) === 'HK_CLEANUP_PENDING') await tellPending(pair, messageOf(error), writer, ports, signal);
      throw error;
    }
    await putFinalizer(pair, 'remove', ports, signal);
  } else if (decision.finalizer !== 'keep') {
    await putFinalizer(pair, decision.finalizer, ports, signal);
  }
  if (decision.do !== 'live') ports.observations.forget(pair.metadata.uid);
  return decision.do !== 'live';
}

/** Why a deletion takes so long, in the status that the object still has. */
async function tellPending(
  pair: FailoverPair,
  message: string,
  writer: StatusWriter,
  { clock }: PairPorts,
  signal: AbortSignal,
): Promise<void> {
  const before = (pair.status?.conditions ?? []) as readonly Condition[];
  const observedGeneration = pair.metadata.generation;
  const statement = { type: 'Progressing', status: 'True', reason: 'Deleting', message, observedGeneration } as const;
  const status = { ...pair.status, conditions: setCondition(before, statement, clock.wallMs()) };
  if (statusDiffers(pair.status, status)) await writer.write(pair, status, signal);
}

function tellTransitions(pair: FailoverPair, statements: readonly PairStatement[], { events }: PairPorts): void {
  for (const { type, status, reason, message } of decideNews(pair.status?.conditions as readonly Condition[] | undefined, statements)) {
    events.record(failoverPairs, pair, { type: status === 'True' ? 'Normal' : 'Warning', reason, action: type, note: message });
  }
}
