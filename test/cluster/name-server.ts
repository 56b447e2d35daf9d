import { randomBytes } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { plainNetwork, serversAddress } from './network.ts';
import type { Network } from './network.ts';
import { temporaryFolder } from './temporary.ts';

/** A TSIG key, always HMAC-SHA256. */
export interface TsigKey {
  readonly name: string;
  /** Base64 of 32 bytes. */
  readonly secret: string;
}

export interface NameServerOptions {
  readonly network?: Network;
  /** Where it listens; default the servers' address of the network. */
  readonly address?: string;
  /** The dynamic zone, without the final dot. */
  readonly zone?: string;
  /** Names of keys; the first is `key`. They may update the whole zone unless `onlyFor` says otherwise. */
  readonly keyNames?: readonly [string, ...string[]];
  /** Keys that may set addresses and texts of one name only, which is given without the zone. */
  readonly onlyFor?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

/** A real authoritative server with one dynamic zone, served over UDP and TCP on one port. */
export interface NameServer extends AsyncDisposable {
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

/** What a configuration is written from. `zone.db` in the folder holds the zone, not yet touched by any update. */
export interface NameServerPlan {
  readonly directory: string;
  readonly address: string;
  readonly port: number;
  readonly zone: string;
  readonly keys: readonly TsigKey[];
  readonly onlyFor: Readonly<Record<string, string>>;
}

/** What tells one server program from another. */
export interface NameServerProgram {
  readonly name: string;
  /** Writes what the server reads, and says how it is run. */
  prepare(plan: NameServerPlan): Promise<{ readonly command: string; readonly args: readonly string[] }>;
}

const readyMaxMs = 60_000;
const askMaxMs = 2_000;
const recordTtlSeconds = 2;

export async function startNameServer(program: NameServerProgram, options: NameServerOptions): Promise<NameServer> {
  const network = options.network ?? plainNetwork();
  const address = options.address ?? (await network.address(serversAddress));
  const port = await network.freePort();
  const zone = options.zone ?? 'hall.test';
  const names = options.keyNames ?? (['hallkeeper'] as const);
  const keys = names.map((name) => ({ name, secret: randomBytes(32).toString('base64') }));
  const temporary = options.directory === undefined ? await temporaryFolder(program.name) : undefined;
  const directory = options.directory ?? temporary?.path ?? '';
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'zone.db'), emptyZone(zone));
  const resolver = new Resolver({ timeout: askMaxMs, tries: 1 });
  resolver.setServers([`${address}:${port}`]);
  let child: Child | undefined;
  let run: Awaited<ReturnType<NameServerProgram['prepare']>> | undefined;
  const start = async (): Promise<void> => {
    if (child?.running === true) return;
    run ??= await program.prepare({ directory, address, port, zone, keys, onlyFor: options.onlyFor ?? {} });
    child = await startChild({
      ...run,
      name: program.name,
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

function emptyZone(zone: string): string {
  return `$TTL ${recordTtlSeconds}
@ IN SOA ns.${zone}. hostmaster.${zone}. 1 3600 600 86400 ${recordTtlSeconds}
@ IN NS ns.${zone}.
ns IN A 192.0.2.53
`;
}
