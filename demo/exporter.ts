import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '#test/cluster/child.ts';
import type { Child } from '#test/cluster/child.ts';
import type { Network } from '#test/cluster/network.ts';
import type { Places } from './places.ts';
import { ourPrograms } from './programs.ts';

const readyMaxMs = 60_000;

/** The terminal exporter with the certificate that the operator made for it. @param texts  Of its Secret. */
export async function startExporter(
  directory: string,
  network: Network,
  places: Places,
  texts: Readonly<Record<string, string>>,
): Promise<Child> {
  const { servers: address, exporterPort: port } = places;
  const tls = {
    certificateFile: join(directory, 'tls.crt'),
    keyFile: join(directory, 'tls.key'),
    pairCaFile: join(directory, 'ca.crt'),
  };
  for (const name of ['tls.crt', 'tls.key', 'ca.crt']) await writeFile(join(directory, name), texts[name] ?? '', { mode: 0o600 });
  const config = join(directory, 'exporter.json');
  const connection = JSON.parse(texts['connection.json'] ?? '{}') as object;
  await writeFile(config, JSON.stringify({ ...connection, tls, http: { address, port } }, null, 2));
  return startChild({
    name: 'terminal-exporter',
    command: process.execPath,
    args: [ourPrograms.terminalExporter, '--config', config],
    directory,
    network,
    ready: async (signal) => (await fetch(`http://${address}:${port}/-/healthy`, { signal })).ok,
    readyMaxMs,
  });
}
