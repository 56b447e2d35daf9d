import { readFile } from 'node:fs/promises';
import { Secret } from '#lib/base/secret.ts';
import type { InstanceSettings } from '../instance.ts';
import { openInstance } from '../open-instance.ts';
import { soon, testPorts } from './real-pair.ts';

// An agent to be killed: it starts its server and prints the server's pid, or begins a copy and prints the first percentage.
const [, , path = '', what] = process.argv;
const raw = JSON.parse(await readFile(path, 'utf8')) as InstanceSettings & { readonly tls: { readonly key: string } };
const instance = openInstance({ ...raw, tls: { ...raw.tls, key: new Secret(raw.tls.key) } }, testPorts);
setInterval(() => undefined, 1_000);
if (what === 'copy') {
  await instance.copy(({ percent }) => process.stdout.write(`${percent}\n`), soon());
} else {
  const server = await instance.start({ as: 'primary', gate: 'none' }, soon());
  await instance.waitReady(soon());
  process.stdout.write(`${server.pid}\n`);
}
