import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import { keyText } from '#lib/kube/objects.ts';
import { secrets } from './resources.ts';
import type { KubeSecret } from './resources.ts';

/** A change of somebody's Secret is usually seen after this time at the latest. */
export const secretAgeMaxMs = 20_000;
/** Beyond this many the oldest is forgotten, which costs a request more. */
const rememberedMax = 2_000;

interface Remembered {
  readonly secret: KubeSecret | undefined;
  readonly atMs: number;
}

/** Secrets that people made, read by name: we follow only our own, and keep the others for a short time. */
export class ForeignSecrets {
  readonly #client: Pick<KubeClient, 'find'>;
  readonly #clock: Clock;
  readonly #ageMaxMs: number;
  readonly #known = new Map<string, Remembered>();

  constructor({ client, clock }: { readonly client: Pick<KubeClient, 'find'>; readonly clock: Clock }, ageMaxMs = secretAgeMaxMs) {
    this.#client = client;
    this.#clock = clock;
    this.#ageMaxMs = ageMaxMs;
  }

  /** Undefined when there is none. While the API server is away the last content counts. */
  async read(key: ObjectKey, signal: AbortSignal): Promise<KubeSecret | undefined> {
    const text = keyText(key);
    const known = this.#known.get(text);
    if (known !== undefined && this.#clock.nowMs() - known.atMs < this.#ageMaxMs) return known.secret;
    try {
      const secret = await this.#client.find(secrets, key, signal);
      this.#remember(text, { secret, atMs: this.#clock.nowMs() });
      return secret;
    } catch (error) {
      if (known !== undefined && isKubeError(error, 'HK_KUBE_UNREACHABLE', 'HK_KUBE_DEADLINE', 'HK_KUBE_SERVER', 'HK_KUBE_BUSY')) {
        return known.secret;
      }
      throw error;
    }
  }

  #remember(text: string, entry: Remembered): void {
    this.#known.delete(text);
    this.#known.set(text, entry);
    if (this.#known.size <= rememberedMax) return;
    for (const oldest of this.#known.keys()) return void this.#known.delete(oldest);
  }
}

/** One entry of a Secret as text, or what is wrong with the reference, in words. */
export type SecretEntry = { readonly found: true; readonly text: string } | { readonly found: false; readonly says: string };

/** Reads the entry that a spec refers to. @param field  Where the reference stands, for the words: `dns.tsigSecretRef`. */
export async function readSecretRef(
  foreign: ForeignSecrets,
  ref: { readonly namespace: string; readonly name: string; readonly key: string; readonly field: string },
  signal: AbortSignal,
): Promise<SecretEntry> {
  const { namespace, name, key, field } = ref;
  const secret = await foreign.read({ namespace, name }, signal);
  if (secret === undefined) return { found: false, says: `${field} names the Secret ${name}, which does not exist: create it` };
  const value = secret.data?.[key];
  if (value === undefined) {
    const keys = Object.keys(secret.data ?? {});
    return {
      found: false,
      says: `the Secret ${name} of ${field} has no key ${key}; it has ${keys.length === 0 ? 'none' : keys.join(', ')}`,
    };
  }
  try {
    const text = Buffer.from(value, 'base64').toString('utf8').trim();
    return text === '' ? { found: false, says: `the key ${key} of the Secret ${name} of ${field} is empty` } : { found: true, text };
  } catch (error) {
    return { found: false, says: `the key ${key} of the Secret ${name} of ${field} cannot be read: ${messageOf(error)}` };
  }
}
