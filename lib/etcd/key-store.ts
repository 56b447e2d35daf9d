import { Metadata, status } from '@grpc/grpc-js';
import type { CallOptions, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import { askEndpoints } from './ask-endpoints.ts';
import type { Attempt } from './ask-endpoints.ts';
import { fateOf } from './call-fate.ts';
import type { EtcdConnection, EtcdConnections } from './connections.ts';
import { CompareTarget } from './gen/etcdserverpb/record.ts';
import type { RangeResponse, ResponseHeader, TxnRequest, TxnResponse } from './gen/etcdserverpb/record.ts';

/**
 * What etcd says of the key.
 *
 * found    It stands there so.
 * absent   It does not exist.
 * written  It stands there as we wish, by this request or by a copy of it.
 * failed   No usable answer; a change that is `maybe` carried out can still be so later.
 */
export type KeyAnswer =
  | { readonly is: 'found'; readonly value: Buffer; readonly modRevision: bigint; readonly cluster: string }
  | { readonly is: 'absent'; readonly cluster: string }
  | { readonly is: 'written'; readonly modRevision: bigint; readonly cluster: string }
  | { readonly is: 'failed'; readonly carriedOut: 'no' | 'maybe'; readonly why: string };

/** An answer that tells what stands there, or nothing. */
export type KeyShown = Exclude<KeyAnswer, { is: 'written' }>;

/** What a change rests on: the key's version, or that there is none. */
export type Expected = { readonly modRevision: bigint } | 'absent';

export interface KeyPorts {
  readonly connections: EtcdConnections;
  readonly clock: Clock;
  /** For one call, whatever the number of endpoints. */
  readonly requestMaxMs: number;
  /** An endpoint that has not answered for so long is passed over. */
  readonly nextAfterMs: number;
  /** Identifier of the etcd that the key belongs to, once it is known: answers of any other count as failures. */
  readonly cluster: () => string | undefined;
}

type Served<T> = { readonly header: ResponseHeader; readonly response: T };

/** One key of an etcd, read and changed by compare-and-swap through whichever endpoint answers. */
export class EtcdKey {
  readonly #key: Buffer;
  readonly #ports: KeyPorts;
  /** Index of the endpoint that answered last: it is asked first. */
  #preferred = 0;
  #moved = new AbortController();

  constructor(key: string, ports: KeyPorts) {
    this.#key = Buffer.from(key);
    this.#ports = ports;
  }

  get bytes(): Buffer {
    return this.#key;
  }

  /** The connection that answered last, and a signal that aborts when another one takes its place. */
  get preferred(): { readonly connection: EtcdConnection | undefined; readonly moved: AbortSignal } {
    return { connection: this.#ports.connections.all[this.#preferred], moved: this.#moved.signal };
  }

  /** Linearizable: what the majority has agreed on, never what one server remembers. Never throws. */
  async read(signal: AbortSignal): Promise<KeyShown> {
    const answer = await this.#ask<RangeResponse>(
      ({ kv }, options, done) => kv.range({ key: this.#key }, new Metadata(), options, done),
      signal,
    );
    if ('is' in answer) return { ...answer, carriedOut: 'no' };
    return this.#shown(answer.response.kvs, clusterOf(answer.header));
  }

  /**
   * Writes the value if nobody else has written since. Never throws.
   *
   * @param value  Must differ from every other value ever written: it is how a copy of this request is known again.
   */
  async write(expected: Expected, value: Buffer, signal: AbortSignal): Promise<KeyAnswer> {
    const request = this.#change(expected, value);
    const answer = await this.#ask<TxnResponse>(({ kv }, options, done) => kv.txn(request, new Metadata(), options, done), signal);
    if ('is' in answer) return answer;
    const { header, response } = answer;
    const cluster = clusterOf(header);
    if (response.succeeded) return { is: 'written', modRevision: header.revision, cluster };
    const [range] = response.responses;
    const shown = this.#shown(range?.response?.$case === 'range' ? range.response.value.kvs : [], cluster);
    return shown.is === 'found' && shown.value.equals(value) ? { is: 'written', modRevision: shown.modRevision, cluster } : shown;
  }

  #change(expected: Expected, value: Buffer): TxnRequest {
    const key = this.#key;
    const compare =
      expected === 'absent'
        ? { target: CompareTarget.COMPARE_TARGET_CREATE, key, targetUnion: { $case: 'createRevision' as const, value: 0n } }
        : { target: CompareTarget.COMPARE_TARGET_MOD, key, targetUnion: { $case: 'modRevision' as const, value: expected.modRevision } };
    return {
      compare: [compare],
      success: [{ request: { $case: 'put', value: { key, value } } }],
      failure: [{ request: { $case: 'range', value: { key } } }],
    };
  }

  #shown(kvs: RangeResponse['kvs'], cluster: string): Exclude<KeyShown, { is: 'failed' }> {
    const [found] = kvs;
    if (found === undefined) return { is: 'absent', cluster };
    return { is: 'found', value: Buffer.from(found.value), modRevision: found.modRevision, cluster };
  }

  async #ask<T extends { readonly header?: ResponseHeader | undefined }>(
    call: (connection: EtcdConnection, options: CallOptions, done: (error: ServiceError | null, response: T) => void) => ClientUnaryCall,
    signal: AbortSignal,
  ): Promise<Served<T> | Extract<KeyAnswer, { is: 'failed' }>> {
    const { clock, connections, requestMaxMs, nextAfterMs } = this.#ports;
    const all = connections.all;
    const order = all.map((_, turn) => (turn + this.#preferred) % all.length);
    // A deadline is a wall time in gRPC's interface, and becomes a duration on the wire at once. The clock of the question is our own.
    const options = { deadline: new Date(clock.wallMs() + requestMaxMs) };
    const attempt = (index: number, over: AbortSignal): Promise<Attempt<Served<T>>> => this.#attempt(all[index], call, options, over);
    const found = await askEndpoints(order, attempt, { clock, nextAfterMs, maxMs: requestMaxMs }, signal);
    if (found.is === 'failed') return found;
    this.#prefer(order[found.index] ?? 0);
    return found.answer;
  }

  #prefer(index: number): void {
    if (index === this.#preferred) return;
    this.#preferred = index;
    this.#moved.abort();
    this.#moved = new AbortController();
  }

  #attempt<T extends { readonly header?: ResponseHeader | undefined }>(
    connection: EtcdConnection | undefined,
    call: (connection: EtcdConnection, options: CallOptions, done: (error: ServiceError | null, response: T) => void) => ClientUnaryCall,
    options: CallOptions,
    signal: AbortSignal,
  ): Promise<Attempt<Served<T>>> {
    const failed = (carriedOut: 'no' | 'maybe', why: string): Attempt<Served<T>> => ({
      is: 'failed',
      carriedOut,
      why: `${connection?.endpoint.url ?? 'etcd'}: ${why}`,
    });
    if (connection === undefined) return Promise.resolve(failed('no', 'it is no endpoint any more'));
    return new Promise((resolve) => {
      const cancel = (): void => under?.cancel();
      const done = (error: ServiceError | null, response: T): void => {
        signal.removeEventListener('abort', cancel);
        if (error !== null) resolve(failed(fateOf(error), wordsOf(error)));
        else resolve(this.#judge(response) ?? failed('no', 'it belongs to another etcd than the one that keeps this key'));
      };
      let under: ClientUnaryCall | undefined;
      try {
        under = call(connection, options, done);
      } catch (error) {
        // A channel that was closed meanwhile takes no request.
        return resolve(failed('no', messageOf(error)));
      }
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
    });
  }

  /** Undefined when the answer is of another etcd: nothing there bears on this key, and a change that expects its version fails there. */
  #judge<T extends { readonly header?: ResponseHeader | undefined }>(response: T): Attempt<Served<T>> | undefined {
    const { header } = response;
    const cluster = this.#ports.cluster();
    if (header === undefined || (cluster !== undefined && cluster !== clusterOf(header))) return undefined;
    return { is: 'answered', answer: { header, response } };
  }
}

const clusterOf = ({ clusterId }: ResponseHeader): string => clusterId.toString(16);

function wordsOf({ code, details }: ServiceError): string {
  if (code === status.CANCELLED || code === status.DEADLINE_EXCEEDED) return 'no answer in time';
  return details === '' ? (status[code] ?? String(code)) : details;
}
