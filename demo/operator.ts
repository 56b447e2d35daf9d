import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '#test/cluster/child.ts';
import type { Child } from '#test/cluster/child.ts';
import type { Network } from '#test/cluster/network.ts';
import { ourPrograms } from './programs.ts';
import type { Places } from './places.ts';

export interface OperatorWish {
  readonly directory: string;
  readonly network: Network;
  readonly places: Places;
  readonly kubeconfig: string;
  /** `host:port` of the mail server. */
  readonly smarthost: string;
  readonly botApiUrl: string;
}

const readyMaxMs = 60_000;

/** The operator, with its own identity. Pages are sent at once instead of after the usual ten seconds. */
export async function startOperator({ directory, network, places, kubeconfig, smarthost, botApiUrl }: OperatorWish): Promise<Child> {
  const config = join(directory, 'operator.yaml');
  const { servers: address, operatorPort: port } = places;
  const settings = {
    kubeconfig,
    http: { address, port },
    notify: {
      // The mail server of the demo is on this machine and has no certificate.
      smtp: { smarthost, from: 'hallkeeper@hall-7.example.org', requireTls: false },
      telegram: { apiUrl: botApiUrl },
      timing: { groupWait: '1s', groupInterval: '5s' },
    },
  };
  await writeFile(config, JSON.stringify(settings, null, 2), { mode: 0o600 });
  return startChild({
    name: 'operator',
    command: process.execPath,
    args: [ourPrograms.operator, '--config', config],
    directory,
    network,
    ready: async () => (await fetch(`http://${address}:${port}/-/ready`)).ok,
    readyMaxMs,
  });
}
