import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { EndpointSlice } from '../resources.ts';
import { membersAnnotation, sliceEpoch } from '#agents/member/contract.ts';
import type { RecordView } from './known-record.ts';
import { sliceMembers } from './pair-names.ts';

/**
 * wait     Nobody leads: the record is new, or a claim that is not open yet. What is there stays.
 * point    The slice shall name this address for this epoch.
 * keep     It does.
 * obsolete The slice is of a higher epoch: what we know of the record is old.
 */
export type RouteDecision =
  | { readonly do: 'wait'; readonly why: string }
  | { readonly do: 'point'; readonly address: string; readonly epoch: number }
  | { readonly do: 'keep'; readonly epoch: number }
  | { readonly do: 'obsolete'; readonly epoch: number };

export interface RouteFacts {
  readonly pair: FailoverPair;
  readonly record: RecordView | undefined;
  readonly slice: EndpointSlice | undefined;
}

/**
 * Where the Service of a pair leads. The member that has opened writes the slice itself, at once; this is the same once more, for when it
 * could not, and for all that a member may not. The epoch guards both: the slice goes to a higher epoch, or is mended in its own, since
 * one epoch has one primary; it never goes back, whoever is late.
 */
export function decideRoute({ pair, record, slice }: RouteFacts): RouteDecision {
  if (record === undefined) return { do: 'wait', why: 'there is no record' };
  const { mode, primary, epoch } = record.spec;
  if (mode === 'New') return { do: 'wait', why: 'the pair has never been led' };
  if (mode === 'Claim') return { do: 'wait', why: `${primary ?? 'a member'} takes over and has not opened yet` };
  const address = pair.spec.members.find(({ name }) => name === primary)?.host?.address;
  if (address === undefined) return { do: 'wait', why: `the record names ${String(primary)}, which is no member of the pair` };
  if (slice === undefined) return { do: 'point', address, epoch };
  const known = sliceEpoch(slice.metadata);
  if (known > epoch) return { do: 'obsolete', epoch: known };
  if (known === epoch && isPointed(slice, pair, address)) return { do: 'keep', epoch };
  return { do: 'point', address, epoch };
}

/** Labels by which kube-proxy and others find the slices of a Service, and by which no other controller changes ours. */
export function sliceLabels(service: string): Readonly<Record<string, string>> {
  return { 'kubernetes.io/service-name': service, 'endpointslice.kubernetes.io/managed-by': 'hallkeeper.dev' };
}

export function slicePorts({ spec }: FailoverPair): EndpointSlice['ports'] & readonly unknown[] {
  return (spec.service?.ports ?? []).map(({ name, port, targetPort }) => ({ name, port: targetPort ?? port, protocol: 'TCP' }));
}

function isPointed({ metadata, endpoints, ports }: EndpointSlice, pair: FailoverPair, address: string): boolean {
  const labels = Object.entries(sliceLabels(pair.spec.service?.name ?? ''));
  if (labels.some(([label, value]) => metadata.labels?.[label] !== value)) return false;
  if (metadata.annotations?.[membersAnnotation] !== sliceMembers(pair)) return false;
  const [only, ...more] = endpoints ?? [];
  if (only === undefined || more.length > 0 || only.addresses.length !== 1 || only.addresses[0] !== address) return false;
  if (only.conditions?.ready === false) return false;
  const wanted = slicePorts(pair);
  const found = ports ?? [];
  return wanted.length === found.length && wanted.every(({ name, port }) => found.some((each) => each.name === name && each.port === port));
}
