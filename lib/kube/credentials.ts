import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { Cluster, User } from '@kubernetes/client-node';
import type { Clock } from '#lib/base/clock.ts';
import { readYamlFile } from '#lib/base/documents.ts';
import { messageOf } from '#lib/base/errors.ts';
import { Secret } from '#lib/base/secret.ts';
import { kubeErrors } from './errors.ts';

/** What one TLS connection is made with. Equal fingerprints mean the same bytes. */
export interface TlsMaterial {
  readonly ca: Buffer | undefined;
  readonly cert: string | Buffer | undefined;
  readonly key: string | Buffer | undefined;
  readonly servername: string | undefined;
  readonly fingerprint: string;
}

export interface CredentialSet {
  readonly tls: TlsMaterial;
  /** Authorization and impersonation headers, by lower-case name. */
  readonly headers: ReadonlyMap<string, Secret>;
}

/** Files are read again when what we know is older than this; the same figure as client-go's. */
const filesAgeMaxMs = 60_000;
/** Exec plugins and OIDC keep their own expiry; asking them is cheap, missing it is not. */
const pluginAgeMaxMs = 5_000;
/** After a 401 we ask again, but not more often than this. */
const refusedAgeMinMs = 1_000;

/**
 * Reads a kubeconfig file. client-node does not know `tokenFile` of a user, so it is handed over as the authentication
 * provider that client-node has for it.
 *
 * @throws HK_KUBE_CONFIG
 */
export async function loadKubeConfigFile(path: string): Promise<KubeConfig> {
  try {
    const raw = (await readYamlFile(path)) as { users?: { user?: Record<string, unknown> | null }[] };
    const root = dirname(resolve(path));
    for (const { user } of raw.users ?? []) {
      if (typeof user?.['tokenFile'] !== 'string') continue;
      user['auth-provider'] = { name: 'tokenFile', config: { tokenFile: resolve(root, user['tokenFile']) } };
      delete user['token'];
    }
    const config = new KubeConfig();
    config.loadFromString(JSON.stringify(raw));
    config.makePathsAbsolute(root);
    return config;
  } catch (error) {
    throw kubeErrors.HK_KUBE_CONFIG(`${path}: ${messageOf(error)}`);
  }
}

/**
 * The credentials of the current context of a kubeconfig, read asynchronously and kept for a bounded time. client-node
 * does what it is good at (exec plugins, OIDC, impersonation); it never gets to open a file or a connection.
 */
export class KubeCredentials {
  readonly server: URL;
  readonly #config: KubeConfig;
  readonly #cluster: Cluster;
  readonly #user: User | undefined;
  readonly #clock: Clock;
  #known: { readonly set: CredentialSet; readonly readAtMs: number } | undefined;
  #reading: Promise<CredentialSet> | undefined;

  /** @throws HK_KUBE_CONFIG  listing everything we refuse. */
  constructor(config: KubeConfig, clock: Clock) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw kubeErrors.HK_KUBE_CONFIG('it has no current context with a cluster');
    const problems: string[] = [];
    if (!URL.canParse(cluster.server)) problems.push(`the server of cluster ${cluster.name} is not an address`);
    else if (!cluster.server.startsWith('https://')) problems.push(`the server of cluster ${cluster.name} must begin with https://`);
    if (cluster.skipTLSVerify) problems.push('insecure-skip-tls-verify is set: give the certificate authority instead');
    if (cluster.proxyUrl) problems.push('proxy-url is not supported');
    if (problems.length > 0) throw kubeErrors.HK_KUBE_CONFIG(problems.join('; '));
    this.server = new URL(cluster.server);
    this.#config = config;
    this.#cluster = cluster;
    this.#user = config.getCurrentUser() ?? undefined;
    this.#clock = clock;
  }

  /** @throws HK_KUBE_CREDENTIALS  when nothing usable could be read and nothing older is known. */
  async current(): Promise<CredentialSet> {
    const known = this.#known;
    if (known !== undefined && this.#clock.nowMs() - known.readAtMs < this.#ageMaxMs()) return known.set;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    try {
      return await this.#reading;
    } catch (error) {
      // A file being replaced, or a plugin that fails once: the older token may well be good still, and the server decides.
      if (known !== undefined) return known.set;
      throw error;
    }
  }

  /** The server refused what `current` gave: the next call reads again. Returns whether that can bring anything new. */
  refused(): boolean {
    const known = this.#known;
    if (known === undefined || this.#clock.nowMs() - known.readAtMs < refusedAgeMinMs) return false;
    this.#known = { set: known.set, readAtMs: -Infinity };
    return true;
  }

  #ageMaxMs(): number {
    const provider: unknown = this.#user?.authProvider;
    const plugin = Boolean(this.#user?.exec) || (Boolean(provider) && tokenFileOf(this.#user) === undefined);
    return plugin ? pluginAgeMaxMs : filesAgeMaxMs;
  }

  async #read(): Promise<CredentialSet> {
    try {
      const set = await this.#ask();
      this.#known = { set, readAtMs: this.#clock.nowMs() };
      return set;
    } catch (error) {
      // Only the first line: a plugin's own words help a person, its whole output may hold more than words.
      throw kubeErrors.HK_KUBE_CREDENTIALS(messageOf(error).split('\n', 1)[0]?.slice(0, 300));
    }
  }

  async #ask(): Promise<CredentialSet> {
    const { caFile, ...cluster } = this.#cluster;
    const ca = caFile ? await readFile(caFile) : cluster.caData ? Buffer.from(cluster.caData, 'base64') : undefined;
    const options: RequestOptions = {};
    if (this.#user !== undefined) {
      // A view of the configuration in which every file is replaced by its content; authenticators and their caches are shared.
      const view = Object.create(this.#config) as KubeConfig;
      view.clusters = [{ ...cluster, name: this.#cluster.name }];
      view.users = [await withoutFiles(this.#user)];
      await view.applyToHTTPSOptions(options);
    }
    const cert = options.cert as string | Buffer | undefined;
    const key = options.key as string | Buffer | undefined;
    const servername = cluster.tlsServerName || undefined;
    const hash = createHash('sha256');
    for (const part of [ca, cert, key, servername]) hash.update(part ?? '').update('\0');
    return { tls: { ca, cert, key, servername, fingerprint: hash.digest('hex') }, headers: secretHeaders(options) };
  }
}

/** A user whose files stand in it as data. A token file wins over a token, as in client-go. */
async function withoutFiles(user: User): Promise<User> {
  const { certFile, keyFile, ...rest } = user;
  const tokenFile = tokenFileOf(user);
  const data = async (file: string): Promise<string> => (await readFile(file)).toString('base64');
  return {
    ...rest,
    ...(certFile ? { certData: await data(certFile) } : {}),
    ...(keyFile ? { keyData: await data(keyFile) } : {}),
    ...(tokenFile === undefined ? {} : { authProvider: undefined, token: (await readFile(tokenFile, 'utf8')).trim() }),
  };
}

function tokenFileOf(user: User | undefined): string | undefined {
  const provider = user?.authProvider as { config?: { tokenFile?: string } } | null | undefined;
  return provider?.config?.tokenFile || undefined;
}

function secretHeaders(options: RequestOptions): ReadonlyMap<string, Secret> {
  const headers = new Map<string, Secret>();
  for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name.toLowerCase(), new Secret(String(value)));
  if (typeof options.auth === 'string') headers.set('authorization', new Secret(`Basic ${Buffer.from(options.auth).toString('base64')}`));
  return headers;
}
