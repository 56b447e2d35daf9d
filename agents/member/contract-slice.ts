/**
 * What operator and members agree on about the EndpointSlice of a pair's Service. The operator makes it, with its ports and with who may
 * lead where; the member that opens writes its address and its epoch. The admission policy hallkeeper-endpointslice reads the same.
 */

/** The epoch for which the slice was written. */
export const epochAnnotation = 'hallkeeper.dev/epoch';
/** `<account>=<address>` for each member, with a space between. */
export const membersAnnotation = 'hallkeeper.dev/members';
/** UID of the pair. */
export const sliceOwnerLabel = 'hallkeeper.dev/owner-uid';

export interface ServiceSettings {
  /** Name of the EndpointSlice, in the pair's namespace. */
  readonly slice: string;
}

/** The epoch for which a slice was written; -1 when it bears none that can be read. */
export function sliceEpoch({ annotations }: { readonly annotations?: Readonly<Record<string, string>> }): number {
  const text = annotations?.[epochAnnotation] ?? '';
  return /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : -1;
}
