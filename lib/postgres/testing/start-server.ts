import { readFile } from 'node:fs/promises';
import { Secret } from '#lib/base/secret.ts';
import type { InstanceSettings } from '../instance.ts';
import { openInstance } from '../open-instance.ts';
import { soon, testPorts } from './real-pair.ts';

// An agent that starts its server, prints the server's pid, and stays until it is killed.
const raw = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as InstanceSettings & { readonly tls: { readonly key: string } };
const instance = openInstance({ ...raw, tls: { ...raw.tls, key: new Secret(raw.tls.key) } }, testPorts);
const server = await instance.start({ as: 'primary', gate: 'none' }, soon());
await instance.waitReady(soon());
process.stdout.write(`${server.pid}\n`);
setInterval(() => undefined, 1_000);
