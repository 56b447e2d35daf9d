import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import { hallResource } from '#lib/api/hall.gen.ts';
import { codeOf, messageOf } from '#lib/base/errors.ts';
import { controllerReference } from '#lib/kube/owner.ts';
import { keyOf, keyText } from '#lib/kube/objects.ts';
import { decideAuthorityLoss } from '../authority-loss.ts';
import type { AuthorityTraces } from '../authority-loss.ts';
import { keepAuthority, bundleKey } from '../authority-secret.ts';
import type { KeptAuthority } from '../authority-secret.ts';
import { hallLabel, managedBy, managedByLabel, ownedLabels, ownerUidLabel } from '../labels.ts';
import type { OperatorPorts } from '../frame.ts';
import type { OperatorCertificates } from '../pair/operator-certificates.ts';
import { ownAuthority } from '../pair/own-objects.ts';
import { hallAuthoritySecretName } from '../pair/pair-names.ts';
import { halls } from '../resources.ts';
import { decodeData } from '../secret-data.ts';
import { certificateKey, keepLeaf } from './act-leaf.ts';
import { connectionHints, connectionKey, endpointsOf, formatHints } from './connection.ts';
import type { FleetLink } from './fleet-link.ts';
import type { FleetLinks } from './fleet-links.ts';
import type { SecretProblem } from './hall-view.ts';

export const hallFieldManager = `hallkeeper-${hallResource.singular}`;

/** The certificate of the exporter of a hall's terminals. */
const exporterSecretName = (hall: string): string => `hallkeeper-hall-${hall}-exporter`;
const exporterName = 'terminals';

export interface ServePorts extends Pick<OperatorPorts, 'client' | 'clock' | 'caches' | 'trustDomain'> {
  readonly certificates: OperatorCertificates;
  readonly links: FleetLinks;
}

/** What was made for a Hall that is served. */
export interface Served {
  readonly pairIsReady: boolean;
  readonly secretProblem: SecretProblem | undefined;
  readonly link: FleetLink | undefined;
  /** When the next certificate is due, wall time. */
  readonly dueAtMs: number | undefined;
}

/** Authority, exporter's certificate and connection of a Hall that has its name and its pair. One does not wait for the other. */
export async function serveHall(hall: Hall, pair: FailoverPair, ports: ServePorts, signal: AbortSignal): Promise<Served> {
  let authority: KeptAuthority | undefined;
  let secretProblem: SecretProblem | undefined;
  try {
    authority = await keepHallAuthority(hall, ports, signal);
  } catch (error) {
    secretProblem = secretProblemOf(error);
  }
  const credentials = await credentialsOf(pair, ports);
  const trustPem = pairTrustOf(pair, ports.caches);
  if (credentials === undefined || trustPem === undefined) {
    return { pairIsReady: false, secretProblem, link: ports.links.get(keyOf(hall)), dueAtMs: undefined };
  }
  const endpoints = endpointsOf(pair);
  const link = await ports.links.keep(keyOf(hall), { pairUid: pair.metadata.uid, endpoints, credentials });
  if (authority === undefined) return { pairIsReady: true, secretProblem, link, dueAtMs: undefined };
  try {
    const { dueAtMs } = await keepExporterLeaf({ hall, pair, authority, trustPem }, ports, signal);
    return { pairIsReady: true, secretProblem, link, dueAtMs };
  } catch (error) {
    return { pairIsReady: true, secretProblem: secretProblemOf(error), link, dueAtMs: undefined };
  }
}

/** Undefined while the pair has no authority that can be read: its own condition says which of the two it is. */
async function credentialsOf(pair: FailoverPair, { certificates }: ServePorts): ReturnType<OperatorCertificates['forPair']> {
  try {
    return await certificates.forPair(pair);
  } catch (error) {
    if (codeOf(error) !== 'HK_AUTHORITY_UNREADABLE') throw error;
    return undefined;
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
  const traces = seen === undefined ? tracesOf(hall, ports.caches) : undefined;
  const loss = decideAuthorityLoss(hall, { name: key.name, called: `hall ${name}`, traces });
  return keepAuthority({ ...key, labels: wanted, loss }, seen, ports, signal);
}

/** Certificates of the exporter and of terminals are signed by the authority of their hall. */
export function tracesOf(hall: Hall, { secrets }: Pick<OperatorPorts['caches'], 'secrets'>): AuthorityTraces | undefined {
  const signed = secrets
    .byIndex('hall', keyText(keyOf(hall)))
    .map((secret) => ({ name: secret.metadata.name, certificate: decodeData(secret)[certificateKey] }))
    .filter(({ certificate }) => certificate !== undefined)
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const [first] = signed;
  return first === undefined ? undefined : { secrets: signed.map(({ name }) => name), sample: first.certificate ?? '' };
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
    signal,
  );
}

/** PEM of the authorities of a pair; undefined while it has none. */
export function pairTrustOf(pair: FailoverPair, caches: Pick<OperatorPorts['caches'], 'secrets'>): string | undefined {
  const secret = ownAuthority(pair, caches);
  return secret === undefined ? undefined : decodeData(secret)[bundleKey];
}

/** What a person must put right goes into the condition; everything else fails the run. */
export function secretProblemOf(error: unknown): SecretProblem {
  const code = codeOf(error);
  if (code === 'HK_AUTHORITY_LOST') return { reason: 'AuthorityLost', message: messageOf(error) };
  if (code !== 'HK_OBJECT_FOREIGN' && code !== 'HK_AUTHORITY_UNREADABLE') throw error;
  return { reason: 'SecretUnusable', message: messageOf(error) };
}
