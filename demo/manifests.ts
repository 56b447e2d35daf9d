import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import type { FailoverPairManifest } from '#lib/api/failoverpair.gen.ts';
import type { HallManifest } from '#lib/api/hall.gen.ts';
import type { TerminalManifest } from '#lib/api/terminal.gen.ts';
import { namespace, terminalNames } from './names.ts';
import type { Places } from './places.ts';

/** What stands in demo/manifests. */
export interface Manifests {
  readonly hall: HallManifest;
  readonly pair: FailoverPairManifest;
  readonly terminal: TerminalManifest;
}

export const manifestsFolder = new URL('./manifests/', import.meta.url);

export async function readManifests(): Promise<Manifests> {
  const read = async (name: string): Promise<unknown> => load(await readFile(new URL(name, manifestsFolder), 'utf8'));
  return {
    hall: (await read('hall.yaml')) as HallManifest,
    pair: (await read('pair.yaml')) as FailoverPairManifest,
    terminal: (await read('terminal.yaml')) as TerminalManifest,
  };
}

export interface DnsPlace {
  readonly address: string;
  readonly port: number;
}

/**
 * The manifests as the demo applies them. It changes nothing but what differs from machine to machine: the addresses of members and
 * DNS server, and ports; and without addresses outside 127/8 it leaves the Service out, since Kubernetes refuses to lead there. The
 * one terminal becomes all of them.
 */
export function fitManifests(
  { hall, pair, terminal }: Manifests,
  places: Places,
  dns: DnsPlace,
): { readonly hall: HallManifest; readonly pair: FailoverPairManifest; readonly terminals: readonly TerminalManifest[] } {
  const inNamespace = <T extends { readonly metadata: object }>(manifest: T): T => ({
    ...manifest,
    metadata: { ...manifest.metadata, namespace },
  });
  const terminals = terminalNames().map((name, index) => ({
    ...terminal,
    metadata: { name },
    spec: {
      ...terminal.spec,
      serialNumber: `NL3-${String(index + 1).padStart(6, '0')}`,
      position: { ...terminal.spec.position, seat: String(index + 1) },
    },
  }));
  return { hall: inNamespace(hall), pair: inNamespace(fitPair(pair, places, dns)), terminals: terminals.map(inNamespace) };
}

function fitPair(pair: FailoverPairManifest, places: Places, dns: DnsPlace): FailoverPairManifest {
  const { service, ...spec } = pair.spec;
  const ports: Readonly<Record<string, number>> = { postgresql: places.postgresPort, hall: places.hallPort };
  return {
    ...pair,
    spec: {
      ...spec,
      members: spec.members.map((member) => ({ ...member, host: { address: places.members[member.name === 'b' ? 'b' : 'a'] } })),
      postgresql: { ...spec.postgresql, port: places.postgresPort },
      hallServer: { port: places.hallPort, adminPort: places.adminPort, metricsPort: places.hallMetricsPort },
      ...(spec.dns === undefined ? {} : { dns: { ...spec.dns, servers: [dns] } }),
      ...(service === undefined || !places.mayHaveService
        ? {}
        : { service: { ...service, ports: service.ports.map((port) => ({ ...port, targetPort: ports[port.name] ?? port.port })) } }),
    },
  };
}
