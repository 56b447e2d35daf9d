import type { SliceObject } from '../decide-slice.ts';

/** The EndpointSlice of a pair's Service as the operator makes it. */
export function aSliceObject(
  { address, epoch }: { readonly address: string; readonly epoch: number },
  change: Partial<SliceObject> = {},
): SliceObject & { readonly ports: readonly object[] } {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'north-hallkeeper',
      labels: {
        'app.kubernetes.io/managed-by': 'hallkeeper',
        'hallkeeper.dev/owner-uid': 'uid-7',
        'kubernetes.io/service-name': 'north',
      },
      annotations: {
        'hallkeeper.dev/epoch': String(epoch),
        'hallkeeper.dev/members': 'hallkeeper-pair-7-a=10.20.0.11 hallkeeper-pair-7-b=10.20.0.12',
      },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ name: 'hall', port: 7_443, protocol: 'TCP' }],
    ...change,
  };
}
