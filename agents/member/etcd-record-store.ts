import type { Clock } from '#lib/base/clock.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { invariant } from '#lib/base/invariant.ts';
import type { Random } from '#lib/base/random.ts';
import { EtcdConnections } from '#lib/etcd/connections.ts';
import type { EtcdTls } from '#lib/etcd/connections.ts';
import { parseEndpoint } from '#lib/etcd/endpoint.ts';
import { EtcdKey } from '#lib/etcd/key-store.ts';
import type { Expected, KeyShown } from '#lib/etcd/key-store.ts';
import { watchKey } from '#lib/etcd/watch-key.ts';
import type { ArbiterAnswer } from '#lib/pair/events.ts';
import type { MemberName, PairRecord, SeenRecord } from '#lib/pair/pair-record.ts';
import type { EtcdSettings } from './contract-arbiter.ts';
import { formatRecord, parseRecord, storable } from './etcd-record.ts';
import type { RecordMemory } from './record-memory.ts';
import type { RecordStore } from './record-store.ts';

/** The pause before the next watch when one failed or ended. */
const watchPauseMs = 1_000;

/** An endpoint on a machine that is gone says nothing: well before detection is over the next one is asked too. */
const nextAfterMs = 150;

export interface EtcdStorePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly memory: RecordMemory;
  /** For one call, however many endpoints there are. */
  readonly requestMaxMs: number;
}

/**
 * A key of an etcd as arbiter: compare-and-swap by its `mod_revision`, read by the majority's word. Several copies of one swap may be
 * under way at several endpoints; they expect one version, so that at most one of them is carried out.
 */
export class EtcdRecordStore implements RecordStore {
  readonly #connections: EtcdConnections;
  readonly #key: EtcdKey;
  readonly #pair: string;
  readonly #members: readonly [MemberName, MemberName];
  readonly #ports: EtcdStorePorts;

  /** @throws Error of OpenSSL when certificate or key cannot be used. */
  constructor(
    { endpoints, prefix, tls }: EtcdSettings,
    { pair, members }: { readonly pair: string; readonly members: readonly [MemberName, MemberName] },
    ports: EtcdStorePorts,
  ) {
    const { clock, requestMaxMs, memory } = ports;
    const places = endpoints.map((url) => {
      const endpoint = parseEndpoint(url);
      invariant(endpoint !== undefined, `endpoints were checked before: ${url}`);
      return endpoint;
    });
    this.#connections = new EtcdConnections(places, tls, clock);
    const cluster = (): string | undefined => memory.cluster;
    this.#key = new EtcdKey(`${prefix}/${pair}`, { connections: this.#connections, clock, requestMaxMs, nextAfterMs, cluster });
    this.#pair = pair;
    this.#members = members;
    this.#ports = ports;
  }

  async read(signal: AbortSignal): Promise<ArbiterAnswer> {
    return await this.#shown(await this.#key.read(signal));
  }

  async create(record: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer> {
    return await this.#write('absent', record, signal);
  }

  async swap({ version }: SeenRecord, next: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer> {
    const modRevision = BigInt(version);
    const answer = await this.#write({ modRevision }, next, signal);
    if (answer.kind !== 'won' || BigInt(answer.seen.version) > modRevision) return answer;
    // Then an older request could still succeed.
    return { kind: 'failed', carriedOut: 'maybe', why: 'etcd tells of a change without a new version' };
  }

  /** A hint that does not come is found by the core's own polling, so nobody need hear of a watch that fails. */
  async watch(changed: () => void, signal: AbortSignal): Promise<void> {
    await watchKey(this.#key, changed, { clock: this.#ports.clock, pauseMs: watchPauseMs }, signal);
  }

  /** New requests use this certificate. @throws Error of OpenSSL when it cannot be used */
  renew(tls: EtcdTls): void {
    this.#connections.renew(tls);
  }

  async close(): Promise<void> {
    this.#connections.close();
    await this.#ports.memory.settled();
  }

  async #write(expected: Expected, wanted: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer> {
    const { clock } = this.#ports;
    const record = this.#ports.memory.sign(storable(wanted));
    const attributes = { pair: this.#pair, request: this.#request(), changedAt: new Date(clock.wallMs()).toISOString() };
    const answer = await this.#key.write(expected, formatRecord(record, attributes), signal);
    if (answer.is !== 'written') return await this.#shown(answer);
    const seen = { record, version: String(answer.modRevision) };
    return (await this.#keep(record, answer.cluster, 'maybe')) ?? { kind: 'won', seen };
  }

  async #shown(answer: KeyShown): Promise<ArbiterAnswer> {
    const { memory } = this.#ports;
    if (answer.is === 'failed') return { kind: 'failed', carriedOut: answer.carriedOut, why: answer.why };
    if (answer.is === 'absent') return { kind: memory.seen ? 'absent' : 'vacant' };
    try {
      const record = parseRecord(answer.value, this.#pair, this.#members);
      const doubt = memory.doubt(record);
      if (doubt !== undefined) return { kind: 'invalid', ...doubt };
      return (await this.#keep(record, answer.cluster, 'no')) ?? { kind: 'current', seen: { record, version: String(answer.modRevision) } };
    } catch (error) {
      if (codeOf(error) !== 'HK_RECORD_INVALID') throw error;
      return { kind: 'invalid', why: messageOf(error) };
    }
  }

  /** Nothing may rest on a record whose loss would not be noticed after a restart. Undefined when it is kept. */
  async #keep(record: PairRecord, cluster: string, carriedOut: 'no' | 'maybe'): Promise<ArbiterAnswer | undefined> {
    try {
      await this.#ports.memory.note(record, cluster);
      return undefined;
    } catch (error) {
      return { kind: 'failed', carriedOut, why: `that there is a record could not be kept on disk: ${messageOf(error)}` };
    }
  }

  #request(): string {
    const word = (): string =>
      this.#ports.random
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return `${word()}${word()}${word()}`;
  }
}
