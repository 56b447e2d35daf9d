import type { KubeObject } from './objects.ts';
import { microTime } from './time.ts';

/** coordination.k8s.io/v1. All times are MicroTime. */
export interface LeaseSpec {
  readonly holderIdentity?: string | undefined;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  readonly spec?: LeaseSpec;
}

/** A record and when *we* saw it change, on our own monotonic clock. Times written by others are never compared with ours. */
export interface ObservedLease {
  readonly lease: Lease;
  readonly observedAtMs: number;
}

/**
 * take  Write ourselves as the holder: the lease is free, expired by our own watching, or ours.
 * wait  Somebody holds it.
 */
export type LeaseDecision = { readonly do: 'take'; readonly spec: LeaseSpec } | { readonly do: 'wait'; readonly holder: string };

export interface LeaseWish {
  readonly identity: string;
  readonly durationSeconds: number;
}

/** What to remember after reading: the clock of a lease starts anew only when its record changed. */
export function observeLease(before: ObservedLease | undefined, read: Lease, nowMs: number): ObservedLease {
  const isSame = before !== undefined && JSON.stringify(before.lease.spec ?? {}) === JSON.stringify(read.spec ?? {});
  return { lease: read, observedAtMs: isSame ? before.observedAtMs : nowMs };
}

export function decideLease({ lease, observedAtMs }: ObservedLease, wish: LeaseWish, nowMs: number, wallMs: number): LeaseDecision {
  const spec = lease.spec ?? {};
  const holder = spec.holderIdentity ?? '';
  const heldUntilMs = observedAtMs + (spec.leaseDurationSeconds ?? 0) * 1_000;
  if (holder !== '' && holder !== wish.identity && nowMs < heldUntilMs) return { do: 'wait', holder };
  return { do: 'take', spec: holder === wish.identity ? renewed(spec, wish, wallMs) : takenOver(spec, wish, wallMs) };
}

/** The first record of a lease that did not exist. */
export function firstLease(wish: LeaseWish, wallMs: number): LeaseSpec {
  return { ...takenOver({}, wish, wallMs), leaseTransitions: 0 };
}

/** A record that nobody holds, and that a successor need not wait for. */
export function releasedLease(spec: LeaseSpec, wallMs: number): LeaseSpec {
  const now = microTime(wallMs);
  const { holderIdentity: _, ...rest } = spec;
  return { ...rest, leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
}

function renewed(spec: LeaseSpec, { durationSeconds }: LeaseWish, wallMs: number): LeaseSpec {
  return { ...spec, leaseDurationSeconds: durationSeconds, renewTime: microTime(wallMs) };
}

function takenOver(spec: LeaseSpec, { identity, durationSeconds }: LeaseWish, wallMs: number): LeaseSpec {
  const now = microTime(wallMs);
  return {
    ...spec,
    holderIdentity: identity,
    leaseDurationSeconds: durationSeconds,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: (spec.leaseTransitions ?? 0) + 1,
  };
}
