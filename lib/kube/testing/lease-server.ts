import type { Clock } from '#lib/base/clock.ts';
import type { KubeClient } from '../client.ts';
import type { Lease } from '../decide-lease.ts';
import { statusError, transportError } from '../errors.ts';
import type { RequestLabel } from '../errors.ts';
import type { KubeObject } from '../objects.ts';

/** What becomes of a request: it is served, lost on its way in, or served and its answer lost. */
export type Fate = 'served' | 'lost' | 'unanswered';

/** One Lease with compare-and-swap, as the API server keeps it, on a simulated clock and behind a network that fails. */
export class LeaseServer {
  lease: Lease | undefined;
  #version = 0;
  readonly #clock: Clock;
  readonly #latencyMs: number;

  constructor(clock: Clock, latencyMs: number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  /** @param fate  Asked once per request of this client. */
  client(fate: () => Fate): KubeClient {
    const serve = async <R>(signal: AbortSignal, work: () => R): Promise<R> => {
      const decided = fate();
      await this.#clock.sleep(this.#latencyMs, signal);
      if (decided === 'lost') throw transportError('HK_KUBE_DEADLINE', label, '');
      const result = work();
      await this.#clock.sleep(this.#latencyMs, signal);
      if (decided === 'unanswered') throw transportError('HK_KUBE_DEADLINE', label, '');
      return result;
    };
    const write = (object: Lease): Lease => {
      const current = this.lease?.metadata.resourceVersion;
      if (object.metadata.resourceVersion !== current) throw statusError(label, 409, { code: 409, reason: 'Conflict' });
      this.#version += 1;
      return (this.lease = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } });
    };
    const find = (_type: unknown, _key: unknown, signal: AbortSignal): Promise<Lease | undefined> => serve(signal, () => this.lease);
    const put = (_type: unknown, object: KubeObject, signal: AbortSignal): Promise<Lease> => serve(signal, () => write(object));
    const double = { find, get: find, create: put, update: put, with: () => double };
    return double as unknown as KubeClient;
  }
}

const label: RequestLabel = { verb: 'update', resource: 'leases', target: 'hall/lease', confidential: false };
