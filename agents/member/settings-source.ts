import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '#lib/base/clock.ts';
import { parseJson, readJsonFile } from '#lib/base/documents.ts';
import { codeOf, defineErrors, messageOf } from '#lib/base/errors.ts';
import { readFields } from '#lib/base/fields.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { Secret } from '#lib/base/secret.ts';
import { KubeClient } from '#lib/kube/client.ts';
import { followObject } from '#lib/kube/follow-object.ts';
import { defineResource } from '#lib/kube/objects.ts';
import type { KubeObject, WatchEvent } from '#lib/kube/objects.ts';
import { formatMemberSettings, memberAccountName, parseBundle, parseMemberSettings, settingsKey, tokenKey } from './contract.ts';
import type { EnrolmentBundle, MemberSettings } from './contract.ts';

export const enrolmentErrors = defineErrors({
  HK_MEMBER_NOT_ENROLLED: { retry: 'never', says: 'this member is not enrolled' },
  HK_MEMBER_SETTINGS: { retry: 'backoff', says: 'the settings of this member cannot be read' },
});

interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const secrets = defineResource<SecretObject>({ apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true, confidential: true });

/** What is kept on disk between starts, mode 0600. */
interface Enrolment {
  readonly server: string;
  readonly authority: string;
  readonly token: Secret;
  readonly namespace: string;
  readonly account: string;
  readonly settings: MemberSettings;
}

const pauseMs = 5_000;
const firstCallMs = 20_000;

export interface SettingsPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly userAgent: string;
  /** Rejects, naming every problem, when a member could not run with these settings: they never take the place of those that work. */
  readonly refuseUnusable: (settings: MemberSettings) => Promise<void>;
}

/** Where a member's settings come from: the bundle once, then its Secret, then whatever the operator pushes; always kept on disk. */
export class SettingsSource {
  readonly #file: string;
  readonly #ports: SettingsPorts;
  #enrolment: Enrolment;
  #client: KubeClient;

  private constructor(file: string, enrolment: Enrolment, ports: SettingsPorts) {
    this.#file = file;
    this.#ports = ports;
    this.#enrolment = enrolment;
    this.#client = clientOf(enrolment, ports);
  }

  /** @throws HK_MEMBER_NOT_ENROLLED, HK_MEMBER_SETTINGS, HK_OPTIONS_INVALID */
  static async open(
    stateDirectory: string,
    bundleFile: string | undefined,
    ports: SettingsPorts,
    signal: AbortSignal,
  ): Promise<SettingsSource> {
    const file = join(stateDirectory, 'enrolment.json');
    const kept = await readKept(file);
    if (kept !== undefined) return new SettingsSource(file, kept, ports);
    if (bundleFile === undefined) {
      throw enrolmentErrors.HK_MEMBER_NOT_ENROLLED(`make a bundle with "hallctl pair enrol PAIR MEMBER" and name its file as "bundle"`);
    }
    const bundle = await readBundle(bundleFile);
    const enrolment = await fetchFirst(bundle, ports, signal);
    await ports.refuseUnusable(enrolment.settings);
    const source = new SettingsSource(file, enrolment, ports);
    await source.#keep(enrolment);
    return source;
  }

  get settings(): MemberSettings {
    return this.#enrolment.settings;
  }

  /** The present client of the API server. Ask each time: a new token means a new client. */
  readonly client = (): KubeClient => this.#client;

  /** Takes settings and token from the operator. Older ones cannot be told from newer, so the operator's word counts. */
  async take(settings: MemberSettings, token: Secret): Promise<boolean> {
    const { pair, self } = this.#enrolment.settings;
    if (settings.pair.uid !== pair.uid || settings.self.name !== self.name) {
      throw enrolmentErrors.HK_MEMBER_SETTINGS(`they are for member ${settings.self.name} of pair ${settings.pair.name}, not for this one`);
    }
    const sameToken = token.reveal() === this.#enrolment.token.reveal();
    const sameSettings = settings.revision === this.#enrolment.settings.revision;
    if (sameToken && sameSettings) return false;
    if (!sameSettings) await this.#ports.refuseUnusable(settings);
    const next = { ...this.#enrolment, settings, token };
    await this.#keep(next);
    if (!sameToken) {
      const old = this.#client;
      this.#client = clientOf(next, this.#ports);
      // Requests under way on the old connections get the time that a request may take at most.
      void this.#ports.clock
        .sleep(2_000)
        .then(() => old.close())
        .catch(() => undefined);
    }
    this.#enrolment = next;
    return !sameSettings;
  }

  /** Watches the own Secret, the only object it may read, until the signal aborts. */
  async watch(changed: (settings: MemberSettings) => void, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    const { namespace, account } = this.#enrolment;
    const take = async ({ type, object }: WatchEvent<SecretObject>): Promise<void> => {
      if ((type === 'ADDED' || type === 'MODIFIED') && (await this.#takeSecret(object))) changed(this.settings);
    };
    const failed = (error: unknown): void => log.warn({ error: messageOf(error) }, 'the settings are not watched for now');
    await followObject(secrets, { namespace, name: account }, take, { client: this.client, clock, pauseMs, failed }, signal);
  }

  /** The token is taken also when the settings beside it cannot be: without it no better ones would ever be read. */
  async #takeSecret(object: SecretObject): Promise<boolean> {
    const token = new Secret(readKey(object, tokenKey));
    try {
      return await this.take(parseMemberSettings(parseJson(readKey(object, settingsKey), settingsKey)), token);
    } catch (error) {
      this.#ports.log.error({ error: messageOf(error) }, 'the settings in the Secret are refused; those before stay in force');
      return await this.take(this.settings, token);
    }
  }

  async #keep(enrolment: Enrolment): Promise<void> {
    const { settings, token, ...rest } = enrolment;
    const text = JSON.stringify({ ...rest, token: token.reveal(), settings: JSON.parse(formatMemberSettings(settings)) as unknown });
    await mkdir(dirname(this.#file), { recursive: true });
    const part = `${this.#file}.part`;
    await writeFile(part, text, { mode: 0o600, flush: true });
    await chmod(part, 0o600);
    await rename(part, this.#file);
  }
}

function clientOf(
  { server, authority, token, namespace, account }: Pick<Enrolment, 'server' | 'authority' | 'token' | 'namespace' | 'account'>,
  ports: SettingsPorts,
): KubeClient {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'hall', server, caData: Buffer.from(authority).toString('base64'), skipTLSVerify: false }],
    users: [{ name: account, token: token.reveal() }],
    contexts: [{ name: account, cluster: 'hall', user: account, namespace }],
    currentContext: account,
  });
  return KubeClient.fromKubeConfig(config, ports, { deadlineMs: 1_000, attemptsMax: 1 });
}

function readKey({ data }: SecretObject, key: string): string {
  const value = data?.[key];
  if (value === undefined) throw enrolmentErrors.HK_MEMBER_SETTINGS(`the Secret has no ${key}; look at the FailoverPair's conditions`);
  return Buffer.from(value, 'base64').toString('utf8');
}

async function fetchFirst(bundle: EnrolmentBundle, ports: SettingsPorts, signal: AbortSignal): Promise<Enrolment> {
  const account = memberAccountName(bundle.pair, bundle.member);
  const place = { server: bundle.server, authority: bundle.authority, namespace: bundle.namespace, account };
  const client = clientOf({ ...place, token: bundle.token }, ports).with({ deadlineMs: firstCallMs, attemptsMax: 5 });
  try {
    const found = await client.get(secrets, { namespace: bundle.namespace, name: account }, signal);
    const settings = parseMemberSettings(parseJson(readKey(found, settingsKey), settingsKey));
    return { ...place, token: new Secret(readKey(found, tokenKey)), settings };
  } catch (error) {
    throw enrolmentErrors.HK_MEMBER_SETTINGS(`with the bundle: ${messageOf(error)}`, { cause: error });
  } finally {
    await client.close();
  }
}

async function readBundle(file: string): Promise<EnrolmentBundle> {
  try {
    return parseBundle(await readJsonFile(file));
  } catch (error) {
    throw enrolmentErrors.HK_MEMBER_NOT_ENROLLED(`the bundle ${file} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

async function readKept(file: string): Promise<Enrolment | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return parseKept(text);
  } catch (error) {
    const help = 'restore it from a backup, or remove it and enrol this member anew';
    throw enrolmentErrors.HK_MEMBER_SETTINGS(`${file} is damaged; ${help}: ${messageOf(error)}`, { cause: error });
  }
}

function parseKept(text: string): Enrolment {
  const raw = parseJson(text, 'it') as { readonly settings?: unknown } | null;
  const { settings, ...rest } = raw ?? {};
  const field = readFields(rest);
  const kept: Enrolment = {
    server: field.text('server'),
    authority: field.text('authority'),
    token: field.secret('token'),
    namespace: field.text('namespace'),
    account: field.text('account'),
    settings: parseMemberSettings(settings),
  };
  field.refuseProblems();
  return kept;
}
