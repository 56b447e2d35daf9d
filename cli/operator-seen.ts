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
  /** Why what it told may be out of date, in one whole sentence; undefined when it was alive just now, and for long enough to have looked. */
  readonly stale: string | undefined;
  /** It is there, and has only just begun: what stands in a status may be of the one before. */
  readonly justBegun: boolean;
  /** Since when the same one holds the Lease, RFC 3339; absent where nobody does, or it does not say. */
  readonly holdsSince?: string | undefined;
}

/** An object that the operator describes in its status. */
interface Described {
  readonly metadata: { readonly creationTimestamp?: string };
  readonly status?: { readonly conditions?: readonly { readonly lastTransitionTime: string }[] };
}

/** The same about one object: what was made after this operator took over, or changed its conditions since, it has described itself. */
export function aboutObject(operator: OperatorSeen, { metadata, status }: Described): OperatorSeen {
  const { justBegun, holdsSince } = operator;
  if (!justBegun || holdsSince === undefined) return operator;
  const changes = [metadata.creationTimestamp, ...(status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime)];
  const ownWord = changes.some((at) => at !== undefined && Date.parse(at) > Date.parse(holdsSince));
  return ownWord ? { ...operator, stale: undefined, justBegun: false } : operator;
}

export const operatorOption = {
  operator: {
    help: 'Lease by which the operator is known to live; absent: hallkeeper-system/hallkeeper-operator',
    value: 'NAMESPACE/LEASE',
  },
} as const;

/** Remembers when a Lease was seen to be renewed, by our own clock, for whoever looks at it again and again. */
export class LeaseWatch {
  #renewTime: string | undefined;
  #movedAtMs: number | undefined;

  /** @returns Since it was seen to be renewed; undefined before that was seen once. */
  sinceMovedMs(renewTime: string, nowMs: number): number | undefined {
    if (this.#renewTime !== undefined && this.#renewTime !== renewTime) this.#movedAtMs = nowMs;
    this.#renewTime = renewTime;
    return this.#movedAtMs === undefined ? undefined : nowMs - this.#movedAtMs;
  }
}

const usualLease = 'hallkeeper-system/hallkeeper-operator';

/** An operator that has not renewed its Lease for so long is taken to be gone, and its word for old. */
export const operatorSilentMaxMs = 15_000;
/** Clocks differ: a Lease that looks old, or of the future, is watched for so long before that is believed. */
const watchMs = 6_000;
const lookEveryMs = 500;
/** Whoever took the Lease has asked every member once within this time, with room for one that does not answer, and has written what it saw. */
const firstLookMaxMs = 15_000;
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
 * @param watch  Of whoever looks again and again, and waits for nothing; without it a Lease that looks old is watched for some seconds.
 * @throws HK_USAGE  when what is given is no name of a Lease.
 */
export async function lookForOperator(
  given: string | undefined,
  { client, clock }: LookPorts,
  signal: AbortSignal,
  watch?: LeaseWatch,
): Promise<OperatorSeen> {
  const lease = given ?? usualLease;
  const [namespace = '', name = '', ...more] = lease.split('/');
  if (namespace === '' || name === '' || more.length > 0) {
    throw commandErrors.HK_USAGE(`--operator must be NAMESPACE/LEASE, such as ${usualLease}`);
  }
  const key = { namespace, name };
  const away = (stale: string, agoMs?: number): OperatorSeen => ({ lease, agoMs, stale, justBegun: false });
  try {
    const first = await tenureOf(client, key, signal);
    if ('gone' in first) return away(first.gone);
    const agoMs = watch?.sinceMovedMs(first.renewTime, clock.nowMs()) ?? clock.wallMs() - Date.parse(first.renewTime);
    if (agoMs >= -aheadMaxMs && agoMs <= operatorSilentMaxMs) return alive(lease, Math.max(0, agoMs), first);
    const begunMs = clock.nowMs();
    const forMs = watch === undefined ? watchMs : 0;
    while (clock.nowMs() - begunMs < forMs) {
      await clock.sleep(lookEveryMs, signal);
      const next = await tenureOf(client, key, signal);
      if (!('gone' in next) && next.renewTime !== first.renewTime) return alive(lease, 0, next);
    }
    const isPast = agoMs > operatorSilentMaxMs;
    const ago = isPast ? `${ageInWords(agoMs)} ago by the clock of this machine` : 'at a time that is yet to come';
    return away(`The operator does not renew its Lease ${lease}: it did so last ${ago}.`, isPast ? agoMs : undefined);
  } catch (error) {
    if (signal.aborted || !isKubeError(error, 'HK_KUBE_FORBIDDEN')) throw error;
    return away(`Whether the operator lives is not known (${messageOf(error)}).`);
  }
}

/** Somebody holds the Lease. How long he has held it is told by his own clock alone, and by ours since he renewed it. */
function alive(lease: string, agoMs: number, { renewTime, acquireTime }: Tenure): OperatorSeen {
  const beganMs = acquireTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(renewTime) - Date.parse(acquireTime) + agoMs;
  const justBegun = beganMs < firstLookMaxMs;
  const stale = `The operator began ${ageInWords(beganMs)} ago, and may not have asked the members yet: ask again in some seconds.`;
  return { lease, agoMs, stale: justBegun ? stale : undefined, justBegun, holdsSince: acquireTime };
}

interface Tenure {
  readonly renewTime: string;
  /** Since when the same one holds it; absent in a Lease of somebody else's making. */
  readonly acquireTime: string | undefined;
}

/** When the Lease was renewed last, and since when the same one holds it; or why nobody does. */
async function tenureOf(client: LookPorts['client'], key: ObjectKey, signal: AbortSignal): Promise<Tenure | { readonly gone: string }> {
  const found = await client.find(leases, key, signal);
  const name = `${String(key.namespace)}/${key.name}`;
  if (found === undefined) return { gone: `There is no Lease ${name}: the operator never ran, or --operator has to name another.` };
  const { holderIdentity = '', renewTime, acquireTime } = found.spec ?? {};
  return holderIdentity === '' || renewTime === undefined
    ? { gone: `Nobody holds the Lease ${name}: the operator was stopped.` }
    : { renewTime, acquireTime };
}
