import type { Hall } from '#lib/api/hall.gen.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { terminalResource } from '#lib/api/terminal.gen.ts';
import { controllerReference } from '#lib/kube/owner.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { decideAuthorities } from '#lib/pki/renewal.ts';
import { readAuthorities } from '../authority-secret.ts';
import { keepLeaf } from '../hall/act-leaf.ts';
import type { KeptLeaf } from '../hall/act-leaf.ts';
import { pairTrustOf, secretProblemOf } from '../hall/act-hall.ts';
import { connectionHints, connectionKey, formatHints } from '../hall/connection.ts';
import type { OperatorPorts } from '../frame.ts';
import { hallLabel, ownedLabels, terminalLabel } from '../labels.ts';
import { hallAuthoritySecretName } from '../pair/pair-names.ts';
import { terminals } from '../resources.ts';
import type { KubeSecret } from '../resources.ts';

export const terminalFieldManager = `hallkeeper-${terminalResource.singular}`;

/** Certificate, key, trust and connection hints of a terminal. */
export const terminalSecretName = (terminal: string): string => `hallkeeper-terminal-${terminal}`;

export type CertificatePorts = Pick<OperatorPorts, 'client' | 'clock' | 'caches' | 'trustDomain'>;

export interface CertificateOutcome {
  /**
   * made       The certificate stands in its Secret, unless something is wrong with that.
   * undecided  Whether and by whom it is to be signed cannot be said now: the terminal keeps what it was given.
   * not served No pair serves the hall.
   */
  readonly is: 'made' | 'undecided' | 'not served';
  readonly leaf: KeptLeaf | undefined;
  readonly secretProblem: string | undefined;
}

export const undecided: CertificateOutcome = { is: 'undecided', leaf: undefined, secretProblem: undefined };
export const notServed: CertificateOutcome = { is: 'not served', leaf: undefined, secretProblem: undefined };

/** The certificate of a terminal whose hall is served by this pair. */
export async function keepCertificate(
  terminal: Terminal,
  hall: Hall,
  pair: FailoverPair,
  ports: CertificatePorts,
  signal: AbortSignal,
): Promise<CertificateOutcome> {
  const { caches, clock, trustDomain } = ports;
  const { namespace, name } = terminal.metadata;
  const authorities = caches.secrets.get({ namespace, name: hallAuthoritySecretName(hall.metadata.name) });
  const trustPem = pairTrustOf(pair, caches);
  if (authorities === undefined || trustPem === undefined) return undecided;
  try {
    const { signWith } = decideAuthorities(authoritiesIn(authorities), clock.wallMs());
    if (signWith === undefined) return undecided;
    const leaf = await keepLeaf(
      {
        key: { namespace, name: terminalSecretName(name) },
        labels: { ...ownedLabels(hallLabel, hall), [terminalLabel]: name },
        owner: controllerReference(terminals, terminal),
        names: {
          identity: { kind: 'terminal', trustDomain, hall: hall.metadata.name, name },
          commonName: 'hallkeeper-terminal',
          usages: ['client'],
        },
        signWith,
        trustPem,
        more: { [connectionKey]: formatHints(connectionHints(pair, { hall: hall.metadata.name, terminal: name, trustDomain })) },
      },
      ports,
      signal,
    );
    return { is: 'made', leaf, secretProblem: undefined };
  } catch (error) {
    return { is: 'made', leaf: undefined, secretProblem: secretProblemOf(error).message };
  }
}

/** Read once for all terminals of a hall; goes with the object in the cache. */
const read = new WeakMap<KubeSecret, readonly Authority[]>();

function authoritiesIn(secret: KubeSecret): readonly Authority[] {
  const known = read.get(secret) ?? readAuthorities(secret);
  read.set(secret, known);
  return known;
}
