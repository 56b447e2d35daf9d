import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { hallResource } from '#lib/api/hall.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { controllerReference } from '#lib/kube/owner.ts';
import { keyOf } from '#lib/kube/objects.ts';
import { keepAuthority, bundleKey } from '../authority-secret.ts';
import type { KeptAuthority } from '../authority-secret.ts';
import { hallLabel, managedBy, managedByLabel, ownedLabels, ownerUidLabel } from '../labels.ts';
import type { OperatorPorts } from '../frame.ts';
import type { OperatorCertificates } from '../pair/operator-certificates.ts';
import { authoritySecretName, hallAuthoritySecretName } from '../pair/pair-names.ts';
import { halls } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { keepLeaf } from './act-leaf.ts';
import { connectionHints, connectionKey, endpointsOf, formatHints } from './connection.ts';
import type { FleetLink } from './fleet-link.ts';
import type { FleetLinks } from './fleet-links.ts';

export const hallFieldManager = `hallkeeper-${hallResource.singular}`;

/** The certificate of the exporter of a hall's terminals. */
export const exporterSecretName = (hall: string): string => `hallkeeper-hall-${hall}-exporter`;
export const exporterName = 'terminals';

export interface ServePorts extends Pick<OperatorPorts, 'client' | 'clock' | 'caches' | 'trustDomain'> {
  readonly certificates: OperatorCertificates;
  readonly links: FleetLinks;
}

/** What was made for a Hall that is served. */
export interface Served {
  readonly pairIsReady: boolean;
  readonly secretProblem: string | undefined;
  readonly link: FleetLink | undefined;
  /** When the next certificate is due, wall time. */
  readonly dueAtMs: number | undefined;
}

/** Authority, exporter's certificate and connection of a Hall that has its name and its pair. */
export async function serveHall(hall: Hall, pair: FailoverPair, ports: ServePorts, signal: AbortSignal): Promise<Served> {
  let authority: KeptAuthority;
  try {
    authority = await keepHallAuthority(hall, ports, signal);
  } catch (error) {
    return { pairIsReady: true, secretProblem: secretProblemOf(error), link: ports.links.get(keyOf(hall)), dueAtMs: undefined };
  }
  const credentials = await ports.certificates.forPair(pair);
  const trustPem = pairTrustOf(pair, ports.caches);
  if (credentials === undefined || trustPem === undefined) {
    return { pairIsReady: false, secretProblem: undefined, link: ports.links.get(keyOf(hall)), dueAtMs: undefined };
  }
  const endpoints = endpointsOf(pair);
  const link = await ports.links.keep(keyOf(hall), { pairUid: pair.metadata.uid, endpoints, credentials });
  try {
    const { dueAtMs } = await keepExporterLeaf({ hall, pair, authority, trustPem }, ports, signal);
    return { pairIsReady: true, secretProblem: undefined, link, dueAtMs };
  } catch (error) {
    return { pairIsReady: true, secretProblem: secretProblemOf(error), link, dueAtMs: undefined };
  }
}

/**
 * The authority of a hall belongs to the name, not to the object: a Hall that is deleted by mistake and made again finds it, and no
 * terminal has to be enrolled anew. Hence the UID that stands in the Secret is kept.
 */
function keepHallAuthority(hall: Hall, ports: ServePorts, signal: AbortSignal): Promise<KeptAuthority> {
  const { namespace, name } = hall.metadata;
  const key = { namespace, name: hallAuthoritySecretName(name) };
  const seen = ports.caches.secrets.get(key);
  const labels = seen?.metadata.labels ?? {};
  const uid = labels[managedByLabel] === managedBy && labels[hallLabel] === name ? labels[ownerUidLabel] : undefined;
  const wanted = { ...ownedLabels(hallLabel, hall), ...(uid === undefined ? {} : { [ownerUidLabel]: uid }) };
  return keepAuthority({ ...key, labels: wanted }, seen, ports, signal);
}

function keepExporterLeaf(
  {
    hall,
    pair,
    authority,
    trustPem,
  }: { readonly hall: Hall; readonly pair: FailoverPair; readonly authority: KeptAuthority; readonly trustPem: string },
  ports: ServePorts,
  signal: AbortSignal,
): ReturnType<typeof keepLeaf> {
  const { namespace, name } = hall.metadata;
  const { trustDomain } = ports;
  return keepLeaf(
    {
      key: { namespace, name: exporterSecretName(name) },
      labels: ownedLabels(hallLabel, hall),
      owner: controllerReference(halls, hall),
      names: {
        identity: { kind: 'exporter', trustDomain, hall: name, name: exporterName },
        commonName: 'hallkeeper-exporter',
        usages: ['client'],
      },
      signWith: authority.signWith,
      trustPem,
      more: { [connectionKey]: formatHints(connectionHints(pair, { hall: name, trustDomain })) },
    },
    ports,
    hallFieldManager,
    signal,
  );
}

/** PEM of the authorities of a pair; undefined while it has none. */
export function pairTrustOf({ metadata }: FailoverPair, caches: Pick<OperatorPorts['caches'], 'secrets'>): string | undefined {
  const secret = caches.secrets.get({ namespace: metadata.namespace, name: authoritySecretName(metadata.name) });
  return secret === undefined ? undefined : decodeData(secret)[bundleKey];
}

const secretCodes: ReadonlySet<string | undefined> = new Set(['HK_OBJECT_FOREIGN', 'HK_AUTHORITY_UNREADABLE']);

/** What a person must put right goes into the condition; everything else fails the run. */
export function secretProblemOf(error: unknown): string {
  if (!secretCodes.has(codeOf(error))) throw error;
  return messageOf(error);
}
