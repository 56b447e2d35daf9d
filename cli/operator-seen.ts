import type { Clock } from '#lib/base/clock.ts';
import { commandErrors } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import { leases } from '#lib/kube/lease.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import { ageInWords } from './table.ts';

/** Whether the operator lives, on whose word everything rests that is told of the members. */
export interface OperatorSeen {
  /** `NAMESPACE/NAME` of its Lease. */
  readonly lease: string;
  /** Since it last renewed its Lease, which it does every two to five seconds; undefined when that is not known. */
  readonly agoMs: number | undefined;
  /** Why what it told may be out of date, in one whole sentence; undefined when it was alive just now. */
  readonly stale: string | undefined;
}

export const operatorOption = {
  operator: {
    help: 'Lease by which the operator is known to live; absent: hallkeeper-system/hallkeeper-operator',
    value: 'NAMESPACE/LEASE',
  },
} as const;

const usualLease = 'hallkeeper-system/hallkeeper-operator';

/** An operator that has not renewed its Lease for so long is taken to be gone, and its word for old. */
export const operatorSilentMaxMs = 15_000;
/** Clocks differ: a Lease that looks old, or of the future, is watched for so long before that is believed. */
const watchMs = 6_000;
const lookEveryMs = 500;
/** So far ahead of ours may the operator's clock be without a second look. */
const aheadMaxMs = 2_000;

interface LookPorts {
  readonly client: Pick<KubeClient, 'find'>;
  readonly clock: Clock;
}

/**
 * Looks whether the operator lives.
 *
 * @param given  As `--operator` has it.
 * @param quick  Believe the clocks; else a Lease that looks old is watched for some seconds.
 * @throws HK_USAGE  when what is given is no name of a Lease.
 */
export async function lookForOperator(
  given: string | undefined,
  { client, clock }: LookPorts,
  signal: AbortSignal,
  { quick = false } = {},
): Promise<OperatorSeen> {
  const lease = given ?? usualLease;
  const [namespace = '', name = '', ...more] = lease.split('/');
  if (namespace === '' || name === '' || more.length > 0) {
    throw commandErrors.HK_USAGE(`--operator must be NAMESPACE/LEASE, such as ${usualLease}`);
  }
  const key = { namespace, name };
  try {
    const first = await renewalOf(client, key, signal);
    if (typeof first !== 'string') return { lease, agoMs: undefined, stale: first.gone };
    const agoMs = clock.wallMs() - Date.parse(first);
    if (agoMs >= -aheadMaxMs && agoMs <= operatorSilentMaxMs) return { lease, agoMs: Math.max(0, agoMs), stale: undefined };
    const begunMs = clock.nowMs();
    const forMs = quick ? 0 : watchMs;
    while (clock.nowMs() - begunMs < forMs) {
      await clock.sleep(lookEveryMs, signal);
      const renewed = await renewalOf(client, key, signal);
      if (typeof renewed === 'string' && renewed !== first) return { lease, agoMs: 0, stale: undefined };
    }
    const ago = agoMs > operatorSilentMaxMs ? `${ageInWords(agoMs)} ago by the clock of this machine` : 'at a time that is yet to come';
    return { lease, agoMs: Math.max(0, agoMs), stale: `The operator does not renew its Lease ${lease}: it did so last ${ago}.` };
  } catch (error) {
    if (signal.aborted || !isKubeError(error, 'HK_KUBE_FORBIDDEN')) throw error;
    return { lease, agoMs: undefined, stale: `Whether the operator lives is not known (${messageOf(error)}).` };
  }
}

/** When the Lease was renewed last, or why nobody holds it. */
async function renewalOf(client: LookPorts['client'], key: ObjectKey, signal: AbortSignal): Promise<string | { readonly gone: string }> {
  const found = await client.find(leases, key, signal);
  const name = `${String(key.namespace)}/${key.name}`;
  if (found === undefined) return { gone: `There is no Lease ${name}: the operator never ran, or --operator has to name another.` };
  const { holderIdentity = '', renewTime } = found.spec ?? {};
  return holderIdentity === '' || renewTime === undefined
    ? { gone: `Nobody holds the Lease ${name}: the operator was stopped.` }
    : renewTime;
}
