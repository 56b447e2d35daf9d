import { setImmediate } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { KubeObject } from '#lib/kube/objects.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { bundleKey } from './authority-secret.ts';
import { operatorFamilies } from './families.ts';
import { hallLabel, pairLabel } from './labels.ts';
import type { OperatorCaches } from './operator-caches.ts';
import { decodeData } from './secret-data.ts';
import { memberCertificateOf } from './member-certificate.ts';
import type { KubeSecret } from './resources.ts';

const { condition: conditionFamily, certificateExpiry } = operatorFamilies;
const statuses = conditionFamily.labels.status;

/**
 * When the certificate of a Secret ends, as found in the object that stands in the cache; undefined when there is none to read. Reading one
 * takes some 50 microseconds and a hall has thousands, which change once in weeks. It goes with the object.
 */
const expiries = new WeakMap<KubeSecret, { readonly notAfterMs: number | undefined }>();
/** Certificates that are read in one turn of the event loop: about five milliseconds. */
const readsOfTurn = 100;

interface Conditioned extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** What the operator knows and Prometheus wants to know, read from the caches at each scrape: what is gone is gone at the next one. */
export function productMetrics(registry: Registry, { halls, pairs, drillSchedules, secrets }: OperatorCaches): void {
  const registers = [registry];
  const conditions: Gauge<'kind' | 'name' | 'condition' | 'status' | 'resource_namespace'> = new Gauge({
    name: conditionFamily.name,
    help: conditionFamily.help,
    labelNames: ['kind', 'name', 'condition', 'status', 'resource_namespace'],
    registers,
    collect: () => {
      conditions.reset();
      for (const { kind, objects } of [
        { kind: 'Hall', objects: halls.list() as readonly Conditioned[] },
        { kind: 'FailoverPair', objects: pairs.list() as readonly Conditioned[] },
        { kind: 'DrillSchedule', objects: drillSchedules.list() as readonly Conditioned[] },
      ]) {
        for (const { metadata, status } of objects) {
          for (const condition of status?.conditions ?? []) {
            const own = { kind, name: metadata.name, condition: condition.type, resource_namespace: metadata.namespace ?? '' };
            for (const each of statuses) conditions.set({ ...own, status: each }, each === condition.status ? 1 : 0);
          }
        }
      }
    },
  });
  const expiry: Gauge<'secret' | 'pair' | 'hall' | 'resource_namespace'> = new Gauge({
    name: certificateExpiry.name,
    help: certificateExpiry.help,
    labelNames: ['secret', 'pair', 'hall', 'resource_namespace'],
    registers,
    collect: async () => {
      await readExpiries(secrets.list());
      // In one step: of two scrapes at once neither shows the other's half.
      expiry.reset();
      for (const secret of secrets.list()) {
        const notAfterMs = expiryKnown(secret);
        const { name, namespace = '', labels = {} } = secret.metadata;
        if (notAfterMs === undefined) continue;
        const own = { secret: name, pair: labels[pairLabel] ?? '', hall: labels[hallLabel] ?? '', resource_namespace: namespace };
        expiry.set(own, notAfterMs / 1_000);
      }
    },
  });
}

/** Reads the certificates of objects that were not read before, some in a turn of the event loop. */
async function readExpiries(secrets: readonly KubeSecret[]): Promise<void> {
  let read = 0;
  for (const secret of secrets) {
    if (expiries.has(secret)) continue;
    expiryKnown(secret);
    read += 1;
    if (read % readsOfTurn === 0) await setImmediate();
  }
}

function expiryKnown(secret: KubeSecret): number | undefined {
  const known = expiries.get(secret);
  if (known !== undefined) return known.notAfterMs;
  const notAfterMs = expiryOf(decodeData(secret));
  expiries.set(secret, { notAfterMs });
  return notAfterMs;
}

function expiryOf(data: Readonly<Record<string, string>>): number | undefined {
  const authorities = Object.entries(data).filter(([key]) => key.endsWith('.crt') && key !== bundleKey);
  const pems = authorities.length > 0 ? authorities.map(([, pem]) => pem) : [memberCertificateOf(data)].filter((pem) => pem !== undefined);
  try {
    const ends = pems.map((pem) => inspectCertificate(pem).notAfterMs);
    return ends.length === 0 ? undefined : Math.max(...ends);
  } catch {
    // No reading, no sample: the pair's condition says what is wrong with the Secret.
    return undefined;
  }
}
