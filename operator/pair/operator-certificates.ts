import type { Clock } from '#lib/base/clock.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { issueLeaf } from '#lib/pki/leaf.ts';
import type { Leaf, LeafNames } from '#lib/pki/leaf.ts';
import { decideLeaf } from '#lib/pki/renewal.ts';
import { pairAuthority } from '#lib/pki/trust.ts';
import type { OwnCertificate, TrustedAuthority } from '#lib/pki/trust.ts';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { decideAuthorities } from '#lib/pki/renewal.ts';
import { bundleKey, readAuthorities } from '../authority-secret.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import { decodeData } from '../secret-data.ts';
import { ownAuthority } from './own-objects.ts';

/** With what the operator calls the members of a pair, and whom it believes. */
export interface PairCredentials {
  readonly trustDomain: string;
  readonly own: OwnCertificate;
  readonly trust: readonly TrustedAuthority[];
  /** Changes whenever own certificate or trust do. */
  readonly fingerprint: string;
}

/** Lives in memory only: each process makes its own, and asks for nothing that it could not make again. */
const lifetimeDays = 7;
const rememberedMax = 5_000;

/** The operator's own client certificate towards each pair, signed by the pair's authority. */
export class OperatorCertificates {
  readonly #caches: Pick<OperatorCaches, 'secrets'>;
  readonly #clock: Clock;
  readonly #trustDomain: string;
  /** By UID of the pair. */
  readonly #leaves = new Map<string, Leaf>();

  constructor(ports: { readonly caches: Pick<OperatorCaches, 'secrets'>; readonly clock: Clock; readonly trustDomain: string }) {
    this.#caches = ports.caches;
    this.#clock = ports.clock;
    this.#trustDomain = ports.trustDomain;
  }

  /** Undefined while the pair has no authority yet. @throws HK_AUTHORITY_UNREADABLE */
  async forPair(pair: FailoverPair): Promise<PairCredentials | undefined> {
    const { uid } = pair.metadata;
    const secret = ownAuthority(pair, this.#caches);
    if (secret === undefined) return undefined;
    const nowMs = this.#clock.wallMs();
    const { signWith } = decideAuthorities(readAuthorities(secret), nowMs);
    if (signWith === undefined) return undefined;
    const trustDomain = this.#trustDomain;
    const wanted: LeafNames = { identity: { kind: 'operator', trustDomain }, commonName: 'hallkeeper-operator', usages: ['client'] };
    let leaf = this.#leaves.get(uid);
    const decision = decideLeaf({ certificatePem: leaf?.certificatePem, wanted, authorityPem: signWith.certificatePem, nowMs });
    if (leaf === undefined || decision.do === 'issue') {
      leaf = await issueLeaf(signWith, { ...wanted, nowMs, lifetimeDays });
      this.#remember(uid, leaf);
    }
    const bundle = decodeData(secret)[bundleKey] ?? '';
    return {
      trustDomain,
      own: leaf,
      trust: [pairAuthority(bundle, { trustDomain, pairUid: uid })],
      fingerprint: `${inspectCertificate(leaf.certificatePem).fingerprint} ${secret.metadata.resourceVersion ?? ''}`,
    };
  }

  #remember(uid: string, leaf: Leaf): void {
    this.#leaves.delete(uid);
    this.#leaves.set(uid, leaf);
    if (this.#leaves.size <= rememberedMax) return;
    for (const oldest of this.#leaves.keys()) return void this.#leaves.delete(oldest);
  }
}
