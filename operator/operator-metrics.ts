import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { KubeObject } from '#lib/kube/objects.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { bundleKey } from './authority-secret.ts';
import { hallLabel, pairLabel } from './labels.ts';
import type { OperatorCaches } from './operator-caches.ts';
import { decodeData } from './secret-data.ts';
import { memberCertificateOf } from './member-certificate.ts';

const statuses = ['True', 'False', 'Unknown'] as const;

interface Conditioned extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** What the operator knows and Prometheus wants to know, read from the caches at each scrape: what is gone is gone at the next one. */
export function productMetrics(registry: Registry, { halls, pairs, secrets }: OperatorCaches): void {
  const registers = [registry];
  const conditions: Gauge<'kind' | 'name' | 'condition' | 'status' | 'resource_namespace'> = new Gauge({
    name: 'hallkeeper_resource_condition',
    help: 'Conditions of halls and pairs: 1 for the status that holds, 0 for the others.',
    labelNames: ['kind', 'name', 'condition', 'status', 'resource_namespace'],
    registers,
    collect: () => {
      conditions.reset();
      for (const { kind, objects } of [
        { kind: 'Hall', objects: halls.list() as readonly Conditioned[] },
        { kind: 'FailoverPair', objects: pairs.list() as readonly Conditioned[] },
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
    name: 'hallkeeper_certificate_expiry_timestamp_seconds',
    help: 'When the certificate in a Secret of ours expires; of several authorities in one Secret the newest counts.',
    labelNames: ['secret', 'pair', 'hall', 'resource_namespace'],
    registers,
    collect: () => {
      expiry.reset();
      for (const secret of secrets.list()) {
        const notAfterMs = expiryOf(decodeData(secret));
        const { name, namespace = '', labels = {} } = secret.metadata;
        if (notAfterMs === undefined) continue;
        const own = { secret: name, pair: labels[pairLabel] ?? '', hall: labels[hallLabel] ?? '', resource_namespace: namespace };
        expiry.set(own, notAfterMs / 1_000);
      }
    },
  });
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
