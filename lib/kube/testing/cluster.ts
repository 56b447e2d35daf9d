import { KubeConfig } from '@kubernetes/client-node';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import type { ControlPlane } from '#test/cluster/control-plane.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { KubeClient } from '../client.ts';
import type { CallLimits, KubeClientPorts } from '../client.ts';
import { defineResource } from '../objects.ts';
import type { KubeObject } from '../objects.ts';

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const configMaps = defineResource<ConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true });

export const namespaces = defineResource({ apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false });

export const ports: KubeClientPorts = { clock: systemClock, random: systemRandom, log: silentLog, userAgent: 'hallkeeper-test/1' };

/** A client of a real API server, through another port of its host when a relay stands between. */
export function clientOf(
  plane: ControlPlane,
  change: { readonly port?: number; readonly limits?: Partial<CallLimits>; readonly ports?: Partial<KubeClientPorts> } = {},
): KubeClient {
  return KubeClient.fromKubeConfig(configOf(plane, change.port), { ...ports, ...change.ports }, change.limits);
}

export function configOf(plane: ControlPlane, port = plane.port): KubeConfig {
  const raw = plane.kubeconfig();
  const config = new KubeConfig();
  config.loadFromString(JSON.stringify(raw).replaceAll(plane.url, `https://${plane.address}:${port}`));
  return config;
}

/** A namespace of a test's own, so that tests of one control plane do not see each other. */
export async function newNamespace(client: KubeClient, name: string): Promise<string> {
  await client.create(namespaces, { metadata: { name } }, anySignal());
  return name;
}

/** A signal that nobody aborts. */
export function anySignal(): AbortSignal {
  return new AbortController().signal;
}

/** Sockets and timers of this process that keep it alive, by kind. */
export function activeResources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|TLS|Timeout/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Waits until this process has no more sockets and timers than before. @throws Error naming what is left. */
export async function expectNothingLeft(before: Readonly<Record<string, number>>): Promise<void> {
  await eventually(
    'nothing is left',
    () => {
      const left = Object.entries(activeResources()).flatMap(([kind, count]) => (count > (before[kind] ?? 0) ? [`${count} ${kind}`] : []));
      if (left.length > 0) throw new Error(`left: ${left.join(', ')}, before: ${JSON.stringify(before)}`);
      return true;
    },
    { maxMs: 30_000 },
  );
}
