import { randomBytes } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { plainNetwork, serversAddress } from './network.ts';
import type { Network } from './network.ts';
import { systemProgram } from './programs.ts';
import { temporaryFolder } from './temporary.ts';

/** A TSIG key, always HMAC-SHA256. */
export interface TsigKey {
  readonly name: string;
  /** Base64 of 32 bytes. */
  readonly secret: string;
}

export interface BindOptions {
  readonly network?: Network;
  /** Where it listens; default the servers' address of the network. */
  readonly address?: string;
  /** The dynamic zone, without the final dot. */
  readonly zone?: string;
  /** Names of keys that may update the whole zone; the first is `key`. */
  readonly keyNames?: readonly [string, ...string[]];
  readonly directory?: string;
}

/** A real BIND with one dynamic zone, served over UDP and TCP on one port. */
export interface Bind extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly zone: string;
  readonly key: TsigKey;
  readonly keys: readonly TsigKey[];
  readonly directory: string;
  readonly running: boolean;
  /** Addresses of a name (with or without the zone) as this server gives them; empty when there are none. */
  addressesOf(name: string): Promise<readonly string[]>;
  /** Starts it again after `halt` or `kill`, with the same port, keys and records. */
  start(): Promise<void>;
  halt(): Promise<void>;
  kill(): Promise<void>;
  /** Ends it for good and removes its folder unless the caller gave it. */
  stop(): Promise<void>;
}

const readyMaxMs = 60_000;
const askMaxMs = 2_000;
const recordTtlSeconds = 2;

export async function startBind(options: BindOptions = {}): Promise<Bind> {
  const network = options.network ?? plainNetwork();
  const address = options.address ?? (await network.address(serversAddress));
  const port = await network.freePort();
  const zone = options.zone ?? 'hall.test';
  const names = options.keyNames ?? (['hallkeeper'] as const);
  const keys = names.map((name) => ({ name, secret: randomBytes(32).toString('base64') }));
  const temporary = options.directory === undefined ? await temporaryFolder('bind') : undefined;
  const directory = options.directory ?? temporary?.path ?? '';
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'named.conf'), configuration({ directory, address, port, zone, keys }), { mode: 0o600 });
  await writeFile(join(directory, 'zone.db'), emptyZone(zone));
  const resolver = new Resolver({ timeout: askMaxMs, tries: 1 });
  resolver.setServers([`${address}:${port}`]);
  let child: Child | undefined;
  const start = async (): Promise<void> => {
    if (child?.running === true) return;
    child = await startChild({
      name: 'named',
      command: await namedProgram(directory),
      args: ['-g', '-n', '1', '-c', join(directory, 'named.conf')],
      directory,
      network,
      ready: async () => (await resolver.resolveSoa(zone)).serial > 0,
      readyMaxMs,
    });
  };
  const stop = async (): Promise<void> => {
    await child?.stop();
    await temporary?.remove();
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    port,
    zone,
    key: keys[0] ?? { name: '', secret: '' },
    keys,
    directory,
    get running() {
      return child?.running ?? false;
    },
    addressesOf: (name) => addressesOf(resolver, name.endsWith(zone) ? name : `${name}.${zone}`),
    start,
    halt: async () => child?.stop(),
    kill: async () => child?.kill(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function addressesOf(resolver: Resolver, name: string): Promise<readonly string[]> {
  try {
    return (await resolver.resolve4(name)).toSorted();
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw error;
  }
}

interface Configuration {
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  readonly zone: string;
  readonly keys: readonly TsigKey[];
}

function configuration({ directory, address, port, zone, keys }: Configuration): string {
  const keyBlocks = keys.map(({ name, secret }) => `key "${name}" { algorithm hmac-sha256; secret "${secret}"; };`);
  const grants = keys.map(({ name }) => `grant "${name}" zonesub ANY;`);
  return `
options {
  directory "${directory}";
  listen-on port ${port} { ${address}; };
  listen-on-v6 { none; };
  pid-file "${directory}/named.pid";
  session-keyfile "${directory}/session.key";
  recursion no;
  dnssec-validation no;
  notify no;
};
controls { };
${keyBlocks.join('\n')}
zone "${zone}" {
  type primary;
  file "${directory}/zone.db";
  update-policy { ${grants.join(' ')} };
};
`;
}

function emptyZone(zone: string): string {
  return `$TTL ${recordTtlSeconds}
@ IN SOA ns.${zone}. hostmaster.${zone}. 1 3600 600 86400 ${recordTtlSeconds}
@ IN NS ns.${zone}.
ns IN A 192.0.2.53
`;
}

/**
 * AppArmor, where it confines named, lets it read its distribution's folders only. The rule hangs on the path of the program, so
 * that a copy in our own folder reads ours.
 */
async function namedProgram(directory: string): Promise<string> {
  const installed = systemProgram('named');
  const enabled = await readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => 'N');
  if (!enabled.startsWith('Y')) return installed;
  const copy = join(directory, 'named');
  await copyFile(installed, copy);
  return copy;
}
