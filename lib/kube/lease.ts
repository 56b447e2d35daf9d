import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { Random } from '#lib/base/random.ts';
import type { KubeClient } from './client.ts';
import { decideLease, firstLease, observeLease, releasedLease } from './decide-lease.ts';
import type { Lease, LeaseSpec, ObservedLease } from './decide-lease.ts';
import { isKubeError } from './errors.ts';
import { defineResource } from './objects.ts';
import type { ObjectKey } from './objects.ts';
import { runtimeErrors } from './runtime-errors.ts';

export const leases = defineResource<Lease>({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
});

export interface LeaseTimes {
  /** Others wait this long after the last change they saw. Whole seconds. */
  readonly durationMs: number;
  /** Without a renewal for this long we stop leading. */
  readonly renewMaxMs: number;
  readonly retryEveryMs: number;
}

/** The figures of the Kubernetes core components. */
export const coreLeaseTimes: LeaseTimes = { durationMs: 15_000, renewMaxMs: 10_000, retryEveryMs: 2_000 };

/** Candidates spread their attempts: a pause is the retry period and up to this much of it on top. */
const jitterFactor = 1.2;
/** The lease is given back within this time, or it expires. */
const releaseMaxMs = 3_000;
/** Beyond the duration, this long without a renewal means that our own clock or event loop stood still. */
const watchdogToleranceMs = 20_000;

export interface ElectorOptions {
  readonly lease: ObjectKey;
  /** Host name, `_`, UUID: new for each process, because a restarted one is another candidate. */
  readonly identity: string;
  readonly times: LeaseTimes;
}

export interface ElectorPorts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Leadership is lost. The process ends at once, without its ordinary stop: somebody else may be leading already. */
  readonly lost: (error: Error) => void;
  readonly observer?: ElectorObserver | undefined;
}

export interface ElectorObserver {
  leading(isLeader: boolean): void;
  /** A renewal had to read the lease again. */
  slowPath(): void;
}

/**
 * follower  Asks for the lease again and again.
 * leader    Renews it. Left by `release`, or by losing it.
 * released  Given back; over.
 * lost      Renewals failed for too long; over. There is no way back to being a follower.
 */
export type ElectorMode = 'follower' | 'leader' | 'released' | 'lost';

/**
 * Elects one leader among the processes that name the same Lease. This is not fencing: a process that was paused may
 * believe to lead for a moment longer. What must happen once needs a token that its target checks.
 */
export class LeaderElector {
  readonly #options: ElectorOptions;
  readonly #ports: ElectorPorts;
  readonly #stop = new AbortController();
  #mode: ElectorMode = 'follower';
  #observed: ObservedLease | undefined;
  /** When the last renewal that succeeded was begun. */
  #renewedAtMs = 0;
  #renewing: Promise<void> = Promise.resolve();
  /** A write was sent and nobody told us what became of it: the lease may be ours without our knowing. */
  #unsure = false;

  /** @throws HK_LEASE_SETTINGS */
  constructor(options: ElectorOptions, ports: ElectorPorts) {
    const { durationMs, renewMaxMs, retryEveryMs } = options.times;
    if (!(durationMs > renewMaxMs && renewMaxMs > jitterFactor * retryEveryMs && retryEveryMs > 0 && durationMs % 1_000 === 0)) {
      throw runtimeErrors.HK_LEASE_SETTINGS(
        `the duration (${durationMs} ms, whole seconds) must exceed the renewal limit (${renewMaxMs} ms), and that ${jitterFactor} times the retry period (${retryEveryMs} ms)`,
      );
    }
    this.#options = options;
    // A hung request must not cost the leadership: half the time to renew is left for another.
    const client = ports.client.with({ deadlineMs: Math.max(1_000, renewMaxMs / 2), attemptsMax: 1 }, 'leader-election');
    this.#ports = { ...ports, client, log: ports.log.with({ lease: options.lease.name, identity: options.identity }) };
    ports.observer?.leading(false);
  }

  get mode(): ElectorMode {
    return this.#mode;
  }

  get isLeader(): boolean {
    return this.#mode === 'leader';
  }

  /** Why the process should be restarted, or undefined: we believe to lead, but have not renewed for far too long. */
  stalled(): string | undefined {
    const silentMs = this.#ports.clock.nowMs() - this.#renewedAtMs;
    const limitMs = this.#options.times.durationMs + watchdogToleranceMs;
    return this.isLeader && silentMs > limitMs ? `leading, but not renewed for ${Math.round(silentMs)} ms` : undefined;
  }

  /** Resolves when we lead, and renews from then on. Rejects only when the signal aborts. */
  async campaign(signal: AbortSignal): Promise<void> {
    invariant(this.#mode === 'follower', 'a process campaigns once');
    const { clock, random, log } = this.#ports;
    const { retryEveryMs } = this.#options.times;
    const either = AbortSignal.any([signal, this.#stop.signal]);
    while (!(await this.#attempt(either))) {
      either.throwIfAborted();
      await clock.sleep(retryEveryMs + random.below(Math.floor(retryEveryMs * jitterFactor) + 1), either);
    }
    this.#enter('leader');
    log.info({}, 'leading');
    this.#renewing = this.#renew();
  }

  /** Gives the lease back so that a successor need not wait. Only after everything that it guards has ended. */
  async release(): Promise<void> {
    this.#stop.abort(new Error('the election stops'));
    await this.#renewing;
    if (this.#mode === 'lost') return;
    const mayHold = this.isLeader || this.#unsure;
    this.#enter('released');
    if (!mayHold) return;
    const { clock, log } = this.#ports;
    const late = new AbortController();
    const done = new AbortController();
    clock.sleep(releaseMaxMs, done.signal).then(
      () => late.abort(new Error(`the API server did not take it within ${releaseMaxMs} ms`)),
      () => undefined,
    );
    try {
      await this.#giveBack(late.signal);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'lease not released, it will expire');
    } finally {
      done.abort();
    }
  }

  /**
   * @param stillRunning  Names what the lease guards and what has not ended. As long as there is something, the lease is not given back but
   *                      renewed on, until the process is killed or has closed its connections, and then ends as one that lost it.
   */
  part(stillRunning: () => readonly string[] = () => []): Part {
    const stop = async (): Promise<void> => {
      const running = stillRunning();
      if (running.length > 0) throw runtimeErrors.HK_LEASE_KEPT(running.join(', '));
      await this.release();
    };
    return { name: 'lease', start: (signal) => this.campaign(signal), stop, stopMaxMs: releaseMaxMs + 1_000 };
  }

  /** Until it is nobody's or somebody else's. Each round somebody has changed the lease in between, which only candidates do. */
  async #giveBack(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#ports;
    for (;;) {
      try {
        const lease = await client.get(leases, this.#options.lease, signal);
        if (lease.spec?.holderIdentity !== this.#options.identity) return;
        await client.update(leases, { ...lease, spec: releasedLease(lease.spec, clock.wallMs()) }, signal);
        return log.info({}, 'lease released');
      } catch (error) {
        if (!isKubeError(error, 'HK_KUBE_CONFLICT')) throw error;
      }
    }
  }

  async #renew(): Promise<void> {
    const { clock } = this.#ports;
    const { retryEveryMs, renewMaxMs } = this.#options.times;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.sleep(retryEveryMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#attemptUntil(this.#renewedAtMs + renewMaxMs);
      if (!signal.aborted && (this.#isTaken() || clock.nowMs() >= this.#renewedAtMs + renewMaxMs)) return this.#lose();
    }
  }

  /** The record that we read last names somebody else: there is nothing left to renew. */
  #isTaken(): boolean {
    const holder = this.#observed?.lease.spec?.holderIdentity ?? '';
    return holder !== '' && holder !== this.#options.identity;
  }

  /** One attempt, given up when the time to renew is over: a request still under way then can help nobody. */
  async #attemptUntil(endMs: number): Promise<void> {
    const { clock } = this.#ports;
    const late = new AbortController();
    const done = new AbortController();
    clock.sleep(endMs - clock.nowMs(), done.signal).then(
      () => late.abort(new Error('the time to renew the lease is over')),
      () => undefined,
    );
    await this.#attempt(AbortSignal.any([this.#stop.signal, late.signal]));
    done.abort();
  }

  #lose(): void {
    const { clock, log, lost } = this.#ports;
    const silentMs = Math.round(clock.nowMs() - this.#renewedAtMs);
    this.#enter('lost');
    log.error({ silentMs, holder: this.#observed?.lease.spec?.holderIdentity }, 'leadership lost');
    lost(runtimeErrors.HK_LEASE_LOST(`${this.#options.lease.name}, not renewed for ${silentMs} ms`));
  }

  /** Takes or renews the lease. Never rejects: false, and tried again. */
  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { log } = this.#ports;
    try {
      if (this.isLeader && this.#observed !== undefined && (await this.#renewUnread(this.#observed, signal))) return true;
      return await this.#readAndTake(signal);
    } catch (error) {
      if (signal.aborted || isKubeError(error, 'HK_KUBE_CONFLICT', 'HK_KUBE_EXISTS')) return false;
      log.warn({ error: messageOf(error), leading: this.isLeader }, 'lease request failed');
      return false;
    }
  }

  /** The fast path: the record is as we wrote it, so there is nothing to read. */
  async #renewUnread({ lease, observedAtMs }: ObservedLease, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#ports;
    const decision = decideLease({ lease, observedAtMs }, this.#wish(), clock.nowMs(), clock.wallMs());
    if (decision.do !== 'take' || lease.spec?.holderIdentity !== this.#options.identity) return false;
    try {
      await this.#write(lease, decision.spec, signal);
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      this.#ports.observer?.slowPath();
      return false;
    }
  }

  async #readAndTake(signal: AbortSignal): Promise<boolean> {
    const { client, clock, log } = this.#ports;
    const { name, namespace } = this.#options.lease;
    const lease = await client.find(leases, this.#options.lease, signal);
    if (lease === undefined) {
      await this.#write(
        { metadata: { name, ...(namespace === undefined ? {} : { namespace }) } },
        firstLease(this.#wish(), clock.wallMs()),
        signal,
      );
      return true;
    }
    const before = this.#observed?.lease.spec?.holderIdentity;
    this.#observed = observeLease(this.#observed, lease, clock.nowMs());
    const decision = decideLease(this.#observed, this.#wish(), clock.nowMs(), clock.wallMs());
    if (decision.do === 'wait') {
      if (decision.holder !== before) log.info({ holder: decision.holder }, 'somebody else leads');
      return false;
    }
    await this.#write(lease, decision.spec, signal);
    return true;
  }

  /** Creates a lease without a version, else replaces exactly the one that was read. */
  async #write(lease: Lease, spec: LeaseSpec, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#ports;
    const startedMs = clock.nowMs();
    const next = { ...lease, spec };
    this.#unsure = true;
    const writing =
      lease.metadata.resourceVersion === undefined ? client.create(leases, next, signal) : client.update(leases, next, signal);
    const written = await writing.catch((error: unknown) => {
      this.#unsure = !isKubeError(error) || error.status === 0;
      throw error;
    });
    this.#unsure = false;
    // Counted from before the request: others see the change later than this, never sooner.
    this.#renewedAtMs = startedMs;
    this.#observed = { lease: written, observedAtMs: startedMs };
  }

  #wish(): { readonly identity: string; readonly durationSeconds: number } {
    return { identity: this.#options.identity, durationSeconds: this.#options.times.durationMs / 1_000 };
  }

  #enter(mode: ElectorMode): void {
    this.#mode = mode;
    this.#ports.observer?.leading(mode === 'leader');
  }
}
