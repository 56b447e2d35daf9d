import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import { codeOf } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { followObject } from '#lib/kube/follow-object.ts';
import { defineResource } from '#lib/kube/objects.ts';
import type { KubeObject, ObjectKey } from '#lib/kube/objects.ts';
import type { ArbiterAnswer } from '#lib/pair/events.ts';
import { checkRecord, recordErrors } from '#lib/pair/pair-record.ts';
import type { MemberName, PairMode, PairRecord, SeenRecord } from '#lib/pair/pair-record.ts';
import { formatLsn, parseLsn } from '#lib/postgres/lsn.ts';
import type { RecordStore } from './record-store.ts';

interface PairRecordObject extends KubeObject {
  readonly spec: PairRecordSpec;
}

const pairRecords = defineResource<PairRecordObject>({
  apiVersion: 'hallkeeper.dev/v1alpha1',
  kind: 'PairRecord',
  plural: 'pairrecords',
  namespaced: true,
});

const modeNames: Readonly<Record<PairMode, PairRecordSpec['mode']>> = { new: 'New', sync: 'Sync', solo: 'Solo', claim: 'Claim' };
const reasonMax = 512;

/** The pause before the next watch when one failed or ended at once. */
const watchPauseMs = 1_000;

/**
 * The PairRecord of the pair as arbiter: compare-and-swap by `resourceVersion`. Every change raises `sequence`, so the API server never
 * takes a write for a no-op, which it would answer with 200 and the old version.
 *
 * @param client  With a deadline of about a second and one attempt a call: repeating is decided by the core.
 */
export class KubernetesRecordStore implements RecordStore {
  readonly #client: () => KubeClient;
  readonly #key: ObjectKey;
  readonly #members: readonly [MemberName, MemberName];
  readonly #clock: Clock;
  /** What the members may not change: it goes back as it was read, or the admission policy refuses the write. */
  #kept: Pick<PairRecordObject, 'metadata'> & { readonly writers: readonly string[] } = { metadata: { name: '' }, writers: [] };

  constructor(client: () => KubeClient, key: ObjectKey, members: readonly [MemberName, MemberName], clock: Clock) {
    this.#client = client;
    this.#key = key;
    this.#members = members;
    this.#clock = clock;
  }

  async read(signal: AbortSignal): Promise<ArbiterAnswer> {
    try {
      return { kind: 'current', seen: this.#accept(await this.#client().get(pairRecords, this.#key, signal)) };
    } catch (error) {
      return answerOf(error, 'read');
    }
  }

  /** The operator alone creates a PairRecord: where there is none it is missing. */
  async create(): Promise<ArbiterAnswer> {
    return { kind: 'absent' };
  }

  async swap(expect: SeenRecord, next: PairRecord, signal: AbortSignal): Promise<ArbiterAnswer> {
    try {
      const written = await this.#write(expect, next, signal);
      const seen = this.#accept(written);
      // The old version in the answer would mean that nothing was written: then an older request could still succeed.
      if (seen.version === expect.version) return { kind: 'failed', carriedOut: 'maybe', why: 'the API server took the change for none' };
      return { kind: 'won', seen };
    } catch (error) {
      return isKubeError(error, 'HK_KUBE_CONFLICT') ? await this.read(signal) : answerOf(error, 'swap');
    }
  }

  /** A definition of before `marks`, or `acknowledged`, refuses the field: a claim must not fail for what only makes it more careful. */
  async #write(expect: SeenRecord, next: PairRecord, signal: AbortSignal): Promise<PairRecordObject> {
    const unmarked = { ...next, marks: undefined };
    const plainer = [
      ...(next.marks === undefined ? [] : [unmarked]),
      ...(next.acknowledged === undefined ? [] : [{ ...unmarked, acknowledged: undefined }]),
    ];
    for (let record: PairRecord = next; ;) {
      try {
        return await this.#client().update(pairRecords, this.#object(expect, record), signal);
      } catch (error) {
        const simpler = plainer.shift();
        if (simpler === undefined || !isKubeError(error, 'HK_KUBE_REFUSED')) throw error;
        record = simpler;
      }
    }
  }

  /** A hint that does not come is found by the core's own polling, so nobody need hear of a watch that fails. */
  async watch(changed: () => void, signal: AbortSignal): Promise<void> {
    await followObject(pairRecords, this.#key, changed, { client: this.#client, clock: this.#clock, pauseMs: watchPauseMs }, signal);
  }

  #accept({ metadata, spec }: PairRecordObject): SeenRecord {
    const mode = (Object.keys(modeNames) as PairMode[]).find((key) => modeNames[key] === spec.mode);
    if (mode === undefined) throw recordErrors.HK_RECORD_INVALID(`mode ${spec.mode} is not known`);
    const { formatVersion, sequence, epoch, primary, systemIdentifier, marks, reason, author, writers } = spec;
    const told = spec.acknowledged;
    const acknowledged = told === undefined ? undefined : { timeline: told.timeline, lsn: parseLsn(told.lsn) };
    const record: PairRecord = { formatVersion, sequence, mode, primary, epoch, systemIdentifier, acknowledged, marks, reason, author };
    this.#kept = { metadata, writers };
    return { record: checkRecord(record, this.#members), version: metadata.resourceVersion ?? '' };
  }

  #object(expect: SeenRecord, next: PairRecord): PairRecordObject {
    const { formatVersion, sequence, mode, primary, epoch, systemIdentifier, acknowledged, marks, reason, author } = next;
    const { labels, annotations, finalizers } = this.#kept.metadata;
    return {
      apiVersion: pairRecords.apiVersion,
      kind: pairRecords.kind,
      metadata: {
        name: this.#key.name,
        ...(this.#key.namespace === undefined ? {} : { namespace: this.#key.namespace }),
        resourceVersion: expect.version,
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
        ...(finalizers === undefined ? {} : { finalizers }),
      },
      spec: {
        formatVersion,
        sequence,
        mode: modeNames[mode],
        ...(primary === undefined ? {} : { primary }),
        epoch,
        ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
        ...(acknowledged === undefined ? {} : { acknowledged: { ...acknowledged, lsn: formatLsn(acknowledged.lsn) } }),
        ...(marks === undefined ? {} : { marks: definedOf(marks) }),
        reason: reason.slice(0, reasonMax),
        author,
        changedAt: new Date(this.#clock.wallMs()).toISOString(),
        writers: [...this.#kept.writers],
      },
    };
  }
}

function definedOf(marks: NonNullable<PairRecord['marks']>): Readonly<Record<MemberName, string>> {
  return Object.fromEntries(Object.entries(marks).flatMap(([name, mark]) => (mark === undefined ? [] : [[name, mark]])));
}

/** What an error says about the fate of the request. Only a definite refusal is a `no`. */
function answerOf(error: unknown, what: 'read' | 'swap'): ArbiterAnswer {
  const why = messageOf(error);
  if (codeOf(error) === 'HK_RECORD_INVALID') return { kind: 'invalid', why };
  if (isKubeError(error, 'HK_KUBE_NOT_FOUND')) return { kind: 'absent' };
  const refused = isKubeError(error, 'HK_KUBE_REFUSED', 'HK_KUBE_FORBIDDEN', 'HK_KUBE_UNAUTHORIZED', 'HK_KUBE_BUSY', 'HK_KUBE_CREDENTIALS');
  const neverSent = isKubeError(error, 'HK_KUBE_UNREACHABLE') && why.includes('ECONNREFUSED');
  return { kind: 'failed', carriedOut: what === 'read' || refused || neverSent ? 'no' : 'maybe', why };
}
