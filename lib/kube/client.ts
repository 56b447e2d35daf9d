import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { retry } from '#lib/base/retry.ts';
import { PooledConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { KubeCredentials, loadKubeConfigFile } from './credentials.ts';
import { withDeadline } from './deadline.ts';
import { asFailedTest, isKubeError, kubeErrors, transportError } from './errors.ts';
import type { RequestLabel } from './errors.ts';
import { keyOf, keyText } from './objects.ts';
import type { KubeList, KubeObject, ObjectKey, ResourceType, WatchEvent } from './objects.ts';
import { readJson, send } from './request.ts';
import type { KubeRequest, RequestObserver, RequestPorts } from './request.ts';
import { resourceUrl } from './url.ts';
import type { ResourcePath } from './url.ts';
import { readEvents } from './watch.ts';

export interface KubeClientPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** `program/version`, as the server's audit log shows it. */
  readonly userAgent: string;
  readonly observer?: RequestObserver;
}

/** Bounds of each call. */
export interface CallLimits {
  /** The whole call, repetitions and pauses included. For a watch: until its answer begins. */
  readonly deadlineMs: number;
  /** Requests of a call that may be repeated (get, list, apply); the others are sent once. */
  readonly attemptsMax: number;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continueToken?: string | undefined;
  /** `0`: whatever the server has in its cache, possibly old. Absent: the newest. */
  readonly resourceVersion?: string | undefined;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly resourceVersion: string;
  /** The server ends the stream after this time; we do five seconds later. */
  readonly timeoutSeconds: number;
}

export interface DeleteOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

export interface ApplyOptions {
  /** One constant per writer; never shared with `update`. */
  readonly fieldManager: string;
  /** Take fields over from other managers. */
  readonly force: boolean;
  readonly subresource?: string;
}

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

export type PatchBody =
  { readonly type: 'json'; readonly operations: readonly JsonPatchOperation[] } | { readonly type: 'merge'; readonly body: object };

const defaultLimits: CallLimits = { deadlineMs: 30_000, attemptsMax: 4 };
const retryBackoff = { firstMs: 100, maxMs: 3_000, jitterPercent: 50 } as const;
const watchGraceMs = 5_000;

/**
 * A typed client of one API server. Plain JSON goes in and out; objects are never changed. Every method rejects with
 * KubeError, or with the reason of the signal. Writes are checked strictly: an unknown field is refused, not dropped.
 */
export class KubeClient {
  readonly #ports: RequestPorts & Pick<KubeClientPorts, 'random' | 'log'>;
  readonly #limits: CallLimits;

  constructor(ports: RequestPorts & Pick<KubeClientPorts, 'random' | 'log'>, limits: CallLimits = defaultLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** @throws HK_KUBE_CONFIG  when the configuration is incomplete or asks for an unverified connection. */
  static fromKubeConfig(config: KubeConfig, ports: KubeClientPorts, limits?: Partial<CallLimits>): KubeClient {
    const connection: Connection = new PooledConnection(new KubeCredentials(config, ports.clock), ports.clock);
    return new KubeClient({ ...ports, connection }, { ...defaultLimits, ...limits });
  }

  /** @throws HK_KUBE_CONFIG */
  static async fromFile(path: string, ports: KubeClientPorts, limits?: Partial<CallLimits>): Promise<KubeClient> {
    return KubeClient.fromKubeConfig(await loadKubeConfigFile(path), ports, limits);
  }

  /** With the service account of the pod we run in. @throws HK_KUBE_CONFIG */
  static inCluster(ports: KubeClientPorts, limits?: Partial<CallLimits>): KubeClient {
    const config = new KubeConfig();
    config.loadFromCluster();
    if (config.getCurrentCluster()?.server.includes('undefined') !== false) {
      throw kubeErrors.HK_KUBE_CONFIG('this process does not run in a pod: KUBERNETES_SERVICE_HOST is not set');
    }
    return KubeClient.fromKubeConfig(config, ports, limits);
  }

  /** The same connections with other bounds, and a suffix that tells this user apart in the audit log. */
  with(limits: Partial<CallLimits>, userAgentSuffix = ''): KubeClient {
    const userAgent = userAgentSuffix === '' ? this.#ports.userAgent : `${this.#ports.userAgent} ${userAgentSuffix}`;
    return new KubeClient({ ...this.#ports, userAgent }, { ...this.#limits, ...limits });
  }

  /** Ends every connection; calls still running fail. Also for every client made by `with`. */
  close(): Promise<void> {
    return this.#ports.connection.close();
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, signal: AbortSignal): Promise<T> {
    return this.#object(type, { verb: 'get', method: 'GET', path: key }, signal);
  }

  /** As `get`, but undefined when there is no such object. */
  async find<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await this.get(type, key, signal);
    } catch (error) {
      if (isKubeError(error, 'HK_KUBE_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  /** One page. Without `limit` it is everything. */
  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions, signal: AbortSignal): Promise<KubeList<T>> {
    const { namespace, continueToken, ...query } = options;
    const label = labelOf('list', type, { namespace });
    const url = resourceUrl(type, { namespace }, { ...query, continue: continueToken });
    const body = (await this.#json({ label, lane: 'call', method: 'GET', path: url }, signal)) as Partial<RawList>;
    if (!Array.isArray(body.items)) throw transportError('HK_KUBE_GARBLED', label, 'there is no list of items');
    return {
      // The items of a list come without their kind, those of a watch with it: both leave here in one shape.
      items: body.items.map((item) => accept(type, { apiVersion: type.apiVersion, kind: type.kind, ...item })),
      resourceVersion: body.metadata?.resourceVersion ?? '',
      ...(body.metadata?.continue ? { continueToken: body.metadata.continue } : {}),
    };
  }

  /** @throws KubeError HK_KUBE_EXISTS  when somebody has created one of this name. */
  create<T extends KubeObject>(type: ResourceType<T>, object: T, signal: AbortSignal): Promise<T> {
    const { namespace } = object.metadata;
    return this.#object(
      type,
      { verb: 'create', method: 'POST', path: { namespace }, target: keyOf(object), body: object, write: {} },
      signal,
    );
  }

  /** Replaces the object. With its resourceVersion, as read. @throws KubeError HK_KUBE_CONFLICT when it changed meanwhile. */
  update<T extends KubeObject>(type: ResourceType<T>, object: T, signal: AbortSignal): Promise<T> {
    return this.#object(type, { verb: 'update', method: 'PUT', path: keyOf(object), body: object, write: {} }, signal);
  }

  /** Replaces the status only, with the object's resourceVersion as read. */
  updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T, signal: AbortSignal): Promise<T> {
    const path = { ...keyOf(object), subresource: 'status' };
    return this.#object(type, { verb: 'update', method: 'PUT', path, body: object, write: {} }, signal);
  }

  /** @throws KubeError HK_KUBE_CONFLICT  when a `test` among the operations fails: the object is not the one that was read. */
  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: PatchBody & { readonly subresource?: string },
    signal: AbortSignal,
  ): Promise<T> {
    const path = { ...key, subresource: patch.subresource };
    const contentType = patch.type === 'json' ? 'application/json-patch+json' : 'application/merge-patch+json';
    const body = patch.type === 'json' ? patch.operations : patch.body;
    try {
      return await this.#object(type, { verb: 'patch', method: 'PATCH', path, body, contentType, write: {} }, signal);
    } catch (error) {
      throw patch.type === 'json' && patch.operations.some(({ op }) => op === 'test') ? asFailedTest(error) : error;
    }
  }

  /**
   * Server-side apply. `object` holds exactly the fields this manager wants to own, complete each time.
   *
   * @throws KubeError HK_KUBE_CONFLICT  without force, naming the other manager in its causes.
   */
  apply<T extends KubeObject>(type: ResourceType<T>, object: KubeObject, options: ApplyOptions, signal: AbortSignal): Promise<T> {
    const { fieldManager, force, subresource } = options;
    const body = { ...object, apiVersion: type.apiVersion, kind: type.kind };
    const contentType = 'application/apply-patch+yaml';
    const path = { ...keyOf(object), subresource };
    return this.#object(type, { verb: 'apply', method: 'PATCH', path, body, contentType, write: { fieldManager, force } }, signal);
  }

  /** Begins the deletion; the object may stay for its finalizers. @throws KubeError HK_KUBE_CONFLICT when a precondition fails. */
  async delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options: DeleteOptions, signal: AbortSignal): Promise<void> {
    const label = labelOf('delete', type, key);
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    await this.#json({ label, lane: 'call', method: 'DELETE', path: resourceUrl(type, key), body }, signal);
  }

  /** Posts to a subresource, such as `token` of a service account, and returns the answer as it is. */
  async createSubresource<R extends object>(
    type: ResourceType<KubeObject>,
    key: ObjectKey,
    subresource: string,
    body: object,
    signal: AbortSignal,
  ): Promise<R> {
    const label = { ...labelOf('create', type, { ...key, subresource }), confidential: true };
    const path = resourceUrl(type, { ...key, subresource }, { fieldValidation: 'Strict' });
    return (await this.#json({ label, lane: 'call', method: 'POST', path, body }, signal)) as R;
  }

  /**
   * The changes after `resourceVersion`, until the server ends the stream. Ends early without error only when the server
   * does. Leaving the loop closes the request.
   *
   * @throws KubeError HK_KUBE_EXPIRED  when the version is too old.
   */
  async *watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const { namespace, ...query } = options;
    const label = labelOf('watch', type, { namespace });
    const url = resourceUrl(type, { namespace }, { ...query, watch: true, allowWatchBookmarks: true });
    const stop = new AbortController();
    const abort = (): void => stop.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const { deadlineMs } = this.#limits;
      // The deadline must end the request before it is answered, and only then: the stream lives on under `stop`.
      const answer = await withDeadline(
        { ms: deadlineMs, clock: this.#ports.clock, label, onLate: (late) => stop.abort(late) },
        stop.signal,
        () => send({ label, lane: 'watch', method: 'GET', path: url }, this.#ports, stop.signal),
      );
      const lifeMaxMs = options.timeoutSeconds * 1_000 + watchGraceMs;
      const events = readEvents(answer.body, { label, log: this.#ports.log, signal: stop.signal });
      const life = new AbortController();
      this.#ports.clock.sleep(lifeMaxMs, life.signal).then(
        () => {
          // The server ends its streams in time; one that it has not ended has no server at its other end any more.
          this.#ports.connection.suspect('watch', answer.route);
          stop.abort(transportError('HK_KUBE_DEADLINE', label, `the stream outlived its ${options.timeoutSeconds} s`));
        },
        () => undefined,
      );
      try {
        for await (const event of events) {
          yield event.type === 'BOOKMARK' ? event : { type: event.type, object: accept(type, event.object) };
        }
      } finally {
        life.abort();
      }
    } finally {
      signal.removeEventListener('abort', abort);
      stop.abort();
    }
  }

  async #object<T extends KubeObject>(
    type: ResourceType<T>,
    request: {
      readonly verb: string;
      readonly method: KubeRequest['method'];
      readonly path: ResourcePath;
      readonly target?: ObjectKey;
      readonly body?: object;
      readonly contentType?: string;
      readonly write?: { readonly fieldManager?: string; readonly force?: boolean };
    },
    signal: AbortSignal,
  ): Promise<T> {
    const { verb, method, path, target, body, contentType, write } = request;
    const url = resourceUrl(type, path, write === undefined ? {} : { ...write, fieldValidation: 'Strict' });
    const label = labelOf(verb, type, { ...path, ...target });
    const content = contentType === undefined ? {} : { contentType };
    const answer = await this.#json(
      { label, lane: 'call', method, path: url, ...(body === undefined ? {} : { body }), ...content },
      signal,
    );
    return accept(type, answer as KubeObject);
  }

  #json(request: KubeRequest, signal: AbortSignal): Promise<object> {
    const { clock, random } = this.#ports;
    const { deadlineMs, attemptsMax } = this.#limits;
    const endMs = clock.nowMs() + deadlineMs;
    const { label } = request;
    const repeatable = request.method === 'GET' || label.verb === 'apply';
    return withDeadline({ ms: deadlineMs, clock, label }, signal, (inTime) =>
      retry(
        async () => readJson(await send(request, this.#ports, inTime), request, this.#ports, inTime),
        {
          policy: { ...retryBackoff, attemptsMax: repeatable ? attemptsMax : 1 },
          clock,
          random,
          pauseMs: (error, backoff) => repeatPauseMs(error, backoff, endMs - clock.nowMs()),
        },
        inTime,
      ),
    );
  }
}

/** How long to wait before the request is repeated; undefined when repeating is pointless or too late. */
function repeatPauseMs(error: unknown, backoff: number, leftMs: number): number | undefined {
  if (!isKubeError(error, 'HK_KUBE_UNREACHABLE', 'HK_KUBE_BUSY', 'HK_KUBE_SERVER')) return undefined;
  const pauseMs = Math.max(backoff, error.retryAfterMs ?? 0);
  return pauseMs < leftMs ? pauseMs : undefined;
}

interface RawList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly KubeObject[];
}

function accept<T extends KubeObject>(type: ResourceType<T>, object: KubeObject): T {
  return type.validate === undefined ? (object as T) : type.validate(object);
}

function labelOf<T extends KubeObject>(verb: string, type: ResourceType<T>, { namespace, name, subresource }: ResourcePath): RequestLabel {
  return {
    verb,
    resource: subresource === undefined ? type.plural : `${type.plural}/${subresource}`,
    target: name === undefined ? (namespace ?? '') : keyText({ namespace, name }),
    confidential: type.confidential ?? false,
  };
}
