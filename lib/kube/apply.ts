import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from './client.ts';
import { keyOf, keyText } from './objects.ts';
import type { KubeObject, ResourceType } from './objects.ts';

export interface ApplierPorts {
  readonly client: Pick<KubeClient, 'apply'>;
  /** One constant per controller; the status of objects is applied under `<fieldManager>-status`. */
  readonly fieldManager: string;
}

/** Beyond this many objects the oldest memory goes, which costs one request more. */
const rememberedMax = 10_000;

/**
 * Applies what a controller wants to own, and keeps quiet when it is there already. What is left out of a body is taken
 * away on the server, so a body is complete each time; to notice that something was left out, the last body is remembered.
 */
export class Applier {
  readonly #ports: ApplierPorts;
  /** Object and subresource to the digest of the last body that the server took. */
  readonly #applied = new Map<string, string>();

  constructor(ports: ApplierPorts) {
    this.#ports = ports;
  }

  /**
   * @param desired  Exactly the fields to own, with name and namespace. A uid keeps a deleted object from being made again;
   *                 a resourceVersion makes the write depend on what was read.
   * @param seen     The object from the cache, if it is there.
   * @returns        What the server holds now; `seen` when nothing had to be asked.
   */
  async apply<T extends KubeObject>(type: ResourceType<T>, desired: KubeObject, seen: T | undefined, signal: AbortSignal): Promise<T> {
    return this.#apply(type, desired, seen, undefined, signal);
  }

  /** The same for `/status`; of an object that exists, and only of that one: its uid goes along. */
  async applyStatus<T extends KubeObject>(type: ResourceType<T>, seen: T, status: object, signal: AbortSignal): Promise<T> {
    const { name, namespace, uid } = seen.metadata;
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
    return this.#apply(type, { metadata, status } as KubeObject, seen, 'status', signal);
  }

  async #apply<T extends KubeObject>(
    type: ResourceType<T>,
    desired: KubeObject,
    seen: T | undefined,
    subresource: string | undefined,
    signal: AbortSignal,
  ): Promise<T> {
    const memory = [type.apiVersion, type.plural, keyText(keyOf(desired)), subresource ?? ''].join(' ');
    const digest = createHash('sha256').update(JSON.stringify(desired)).digest('base64');
    const isRepetition = this.#applied.get(memory) === digest;
    if (isRepetition && seen !== undefined && holds(seen, withoutVersion(desired))) return seen;
    this.#applied.delete(memory);
    const fieldManager = subresource === undefined ? this.#ports.fieldManager : `${this.#ports.fieldManager}-${subresource}`;
    const options = { fieldManager, force: true, ...(subresource === undefined ? {} : { subresource }) };
    const result = await this.#ports.client.apply(type, desired, options, signal);
    this.#remember(memory, digest);
    return result;
  }

  #remember(memory: string, digest: string): void {
    this.#applied.set(memory, digest);
    if (this.#applied.size <= rememberedMax) return;
    for (const oldest of this.#applied.keys()) return void this.#applied.delete(oldest);
  }
}

/**
 * Whether an object has everything that we want to own. Mappings may hold more, lists may not: what others added to a
 * list cannot be told from what we have given up, so the server is asked.
 */
export function holds(seen: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(seen) && seen.length === wanted.length && wanted.every((entry, index) => holds(seen[index], entry));
  }
  if (typeof wanted !== 'object' || wanted === null) return isDeepStrictEqual(seen, wanted);
  if (typeof seen !== 'object' || seen === null || Array.isArray(seen)) return false;
  return Object.entries(wanted).every(([name, entry]) => entry === undefined || holds((seen as Record<string, unknown>)[name], entry));
}

function withoutVersion(desired: KubeObject): KubeObject {
  const { resourceVersion: _, ...metadata } = desired.metadata;
  return { ...desired, metadata };
}
