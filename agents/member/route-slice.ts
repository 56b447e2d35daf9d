import type { Clock } from '#lib/base/clock.ts';
import { HallkeeperError, messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { backoffMs } from '#lib/base/retry.ts';
import type { RetryPolicy } from '#lib/base/retry.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { defineResource } from '#lib/kube/objects.ts';
import { decideSlice } from './decide-slice.ts';
import type { SliceObject, SliceWish } from './decide-slice.ts';

const endpointSlices = defineResource<SliceObject>({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
});

/**
 * How a try ended.
 *
 * applied     The slice leads here now.
 * unchanged   It did already: the operator was quicker, or an answer was lost.
 * superseded  A later epoch has it.
 * left        It is not ours to write: not there yet, or changed by somebody.
 * contended   Somebody else wrote at the same time; the next try reads anew.
 * refused     The API server says no: no rights, or the admission policy.
 * failed      No usable answer.
 */
export const sliceOutcomes = ['applied', 'unchanged', 'superseded', 'left', 'contended', 'refused', 'failed'] as const;
export interface SliceOutcome {
  readonly outcome: (typeof sliceOutcomes)[number];
  /** Why, for people; empty when there is nothing to say. */
  readonly says: string;
}

export interface SliceRoutePorts {
  /** The present client of the API server: with a new token it is another one. */
  readonly client: () => Pick<KubeClient, 'get' | 'update'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Undefined: the pair has no Service. */
  readonly slice: { readonly namespace: string; readonly name: string } | undefined;
  readonly address: string;
  readonly pairUid: string;
  /** Hears how each try ended; `last` when no other one follows. */
  readonly tried: (outcome: SliceOutcome, last: boolean) => void;
}

/**
 * Some seconds of tries in all, each a read and a write of at most a second. What does not succeed by then is the operator's, which follows
 * the record all the time: without Kubernetes nobody in the cluster can be led anywhere, and there is nothing to hurry for.
 */
const triesPolicy: RetryPolicy = { firstMs: 50, maxMs: 2_000, jitterPercent: 20, attemptsMax: 8 };

/** Leads the clients of the pair's Service to this member, as soon as it has opened. */
export class SliceRoute {
  readonly #ports: SliceRoutePorts;
  #standing: SliceStanding | undefined;
  #stop: AbortController | undefined;

  constructor(ports: SliceRoutePorts) {
    this.#ports = ports;
  }

  /** Undefined without a Service, and before this member led for the first time. */
  get standing(): SliceStanding | undefined {
    return this.#standing;
  }

  /** Undefined: this member leads nobody to itself any more. Nothing is withdrawn: whoever leads next writes over it. */
  set(wanted: { readonly epoch: number } | undefined): void {
    this.close();
    const { slice, address, pairUid } = this.#ports;
    if (wanted === undefined || slice === undefined) return;
    const stop = new AbortController();
    this.#stop = stop;
    void this.#keep(slice, { pairUid, address, epoch: wanted.epoch }, stop.signal);
  }

  close(): void {
    this.#stop?.abort(new Error('the route changed'));
    this.#stop = undefined;
  }

  async #keep(slice: NonNullable<SliceRoutePorts['slice']>, wish: SliceWish, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#ports;
    for (let count = 1; ; count += 1) {
      const ended = await writeSlice(this.#ports.client(), slice, wish, signal);
      // A route that has changed meanwhile has tries of its own.
      if (signal.aborted) return;
      const ok = ended.outcome === 'applied' || ended.outcome === 'unchanged';
      const last = ok || ended.outcome === 'superseded' || count >= triesPolicy.attemptsMax;
      const why = [ended.outcome, ended.says].filter(Boolean).join(': ');
      this.#standing = { slice: slice.name, ok, why: `${why.slice(0, whyMax)} at try ${count}` };
      log[ok ? 'info' : 'warn']({ slice: slice.name, epoch: wish.epoch, ...ended, last }, 'the EndpointSlice was written to');
      this.#ports.tried(ended, last);
      if (last) return;
      await clock.sleep(backoffMs(count, triesPolicy, random), signal).catch(() => undefined);
    }
  }
}

export interface SliceStanding {
  readonly slice: string;
  readonly ok: boolean;
  readonly why: string;
}

const whyMax = 300;

/** One look and one write with the version that was read, so that nobody's newer word is overwritten. Never throws for what the server does. */
async function writeSlice(
  client: Pick<KubeClient, 'get' | 'update'>,
  key: NonNullable<SliceRoutePorts['slice']>,
  wish: SliceWish,
  signal: AbortSignal,
): Promise<SliceOutcome> {
  try {
    const decision = decideSlice(await client.get(endpointSlices, key, signal), wish);
    switch (decision.do) {
      case 'done':
        return { outcome: 'unchanged', says: '' };
      case 'superseded':
        return { outcome: 'superseded', says: `by epoch ${decision.epoch}` };
      case 'leave':
        return { outcome: 'left', says: decision.why };
      case 'update':
        // Deposed while it read: what is not sent cannot come late.
        signal.throwIfAborted();
        await client.update(endpointSlices, decision.slice, signal);
        return { outcome: 'applied', says: `from epoch ${decision.from}` };
    }
  } catch (error) {
    if (isKubeError(error, 'HK_KUBE_NOT_FOUND')) return { outcome: 'left', says: 'it is not there' };
    if (isKubeError(error, 'HK_KUBE_CONFLICT')) return { outcome: 'contended', says: '' };
    if (isKubeError(error, 'HK_KUBE_FORBIDDEN', 'HK_KUBE_REFUSED')) return { outcome: 'refused', says: messageOf(error) };
    if (error instanceof HallkeeperError || signal.aborted) return { outcome: 'failed', says: messageOf(error) };
    throw error;
  }
}
