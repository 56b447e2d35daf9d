import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { microTime } from '#lib/kube/time.ts';
import type { ApiServer } from './api-server.ts';

const system = 'hallkeeper-system';

/** Writes the Lease as an operator that renewed it so long ago: by it hallctl knows whether the operator lives. */
export async function renewLease(server: Pick<ApiServer, 'kubectl' | 'controlPlane'>, agoMs = 0): Promise<void> {
  const spec = { holderIdentity: 'h', leaseDurationSeconds: 15, renewTime: microTime(Date.now() - agoMs) };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'hallkeeper-operator', namespace: system }, spec };
  const file = join(server.controlPlane.directory, 'lease.json');
  await writeFile(file, JSON.stringify(lease));
  await server.kubectl('apply', '--namespace', system, '--server-side', '-f', file);
}
