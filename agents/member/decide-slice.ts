import type { KubeObject } from '#lib/kube/objects.ts';
import { epochAnnotation, sliceEpoch, sliceOwnerLabel } from './contract-slice.ts';

/** As much of an EndpointSlice as a member changes; the rest goes back as it was read. */
export interface SliceObject extends KubeObject {
  readonly addressType: string;
  readonly endpoints?: readonly { readonly addresses: readonly string[] }[] | null;
}

/** Where this member leads clients, and since which epoch it may. */
export interface SliceWish {
  readonly pairUid: string;
  readonly address: string;
  readonly epoch: number;
}

/**
 * update      Write this, if nobody else was quicker.
 * done        It leads here already.
 * superseded  A later epoch has it: whoever wanted this is deposed, and stops.
 * leave       It is not ours to write. The operator does, or says why not.
 */
export type SliceDecision<T extends SliceObject> =
  | { readonly do: 'update'; readonly slice: T; readonly from: number }
  | { readonly do: 'done' }
  | { readonly do: 'superseded'; readonly epoch: number }
  | { readonly do: 'leave'; readonly why: string };

/** What a member that has opened does about the EndpointSlice that it read: to a higher epoch, or nothing. */
export function decideSlice<T extends SliceObject>(seen: T, { pairUid, address, epoch }: SliceWish): SliceDecision<T> {
  const { metadata } = seen;
  if (metadata.labels?.[sliceOwnerLabel] !== pairUid) return { do: 'leave', why: 'it was not made for this pair' };
  const from = sliceEpoch(metadata);
  if (from < 0) return { do: 'leave', why: 'it bears no epoch' };
  if (from > epoch) return { do: 'superseded', epoch: from };
  if (from === epoch) {
    const [only, ...more] = seen.endpoints ?? [];
    const leadsHere = more.length === 0 && only?.addresses.length === 1 && only.addresses[0] === address;
    return leadsHere ? { do: 'done' } : { do: 'leave', why: 'it was changed within this epoch' };
  }
  if (seen.addressType !== (address.includes(':') ? 'IPv6' : 'IPv4')) return { do: 'leave', why: `it takes ${seen.addressType} only` };
  const annotations = { ...metadata.annotations, [epochAnnotation]: String(epoch) };
  const endpoints = [{ addresses: [address], conditions: { ready: true } }];
  return { do: 'update', slice: { ...seen, metadata: { ...metadata, annotations }, endpoints }, from };
}
