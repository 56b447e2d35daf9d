import { setImmediate } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { bundleKey } from './authority-secret.ts';
import { aboutDrill, drillMetrics } from './drill/drill-metrics.ts';
import { operatorFamilies } from './families.ts';
import { hallNameOf } from './hall/hall-of-pair.ts';
import { isOthers, nameHolding } from './hall/holding.ts';
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
export function productMetrics(registry: Registry, caches: OperatorCaches): void {
  const { secrets } = caches;
  const registers = [registry];
  drillMetrics(registry, caches);
  const conditions: Gauge<'kind' | 'name' | 'condition' | 'status' | 'resource_namespace' | 'hall' | 'pair'> = new Gauge({
    name: conditionFamily.name,
    help: conditionFamily.help,
    labelNames: ['kind', 'name', 'condition', 'status', 'resource_namespace', 'hall', 'pair'],
    registers,
    collect: () => {
      conditions.reset();
      for (const { kind, object, hall, pair } of conditioned(caches)) {
        const { metadata, status } = object;
        for (const condition of status?.conditions ?? []) {
          const about = { kind, name: metadata.name, resource_namespace: metadata.namespace ?? '', hall, pair };
          const own = { ...about, condition: condition.type };
          for (const each of statuses) conditions.set({ ...own, status: each }, each === condition.status ? 1 : 0);
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

/** Every object whose conditions are shown, with the hall and the pair that it is about. */
function conditioned(
  caches: OperatorCaches,
): readonly { readonly kind: string; readonly object: Conditioned; readonly hall: string; readonly pair: string }[] {
  // One that lost its name to another Hall must not be told to the people of that one.
  const ownName = (hall: Hall): string => (isOthers(nameHolding(hall, caches), hall) ? '' : hall.metadata.name);
  const halls = caches.halls.list().map((object) => ({ kind: 'Hall', object, hall: ownName(object), pair: '' }));
  const pairs = caches.pairs
    .list()
    .map((object) => ({ kind: 'FailoverPair', object, hall: hallNameOf(object, caches), pair: object.metadata.name }));
  const drills = caches.drillSchedules.list().map((object) => ({ kind: 'DrillSchedule', object, ...aboutDrill(object, caches) }));
  return [...halls, ...pairs, ...drills];
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
