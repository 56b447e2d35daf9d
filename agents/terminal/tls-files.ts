import { readFile } from 'node:fs/promises';
import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { clientCredentials } from '#lib/link/credentials.ts';
import { anyMemberOf, clientTls, pairAuthority } from '#lib/pki/trust.ts';
import type { TerminalSettings } from './settings.ts';

/** Renewed files are noticed this soon. */
const lookEveryMs = 60_000;

interface Loaded {
  readonly key: string;
  readonly credentials: ChannelCredentials;
}

/** What is read of the settings. */
type TlsSettings = Pick<TerminalSettings, 'tls' | 'trustDomain' | 'pair'>;

/** The terminal's certificate and the pair's authority, followed while their files change. The next connection uses the newest. */
export class TlsFiles {
  readonly #settings: TlsSettings;
  #loaded: Loaded;

  private constructor(settings: TlsSettings, loaded: Loaded) {
    this.#settings = settings;
    this.#loaded = loaded;
  }

  /** @throws when a file cannot be read or holds no certificate. */
  static async read(settings: TlsSettings): Promise<TlsFiles> {
    return new TlsFiles(settings, await load(settings));
  }

  get credentials(): ChannelCredentials {
    return this.#loaded.credentials;
  }

  /** Takes renewed files. Files that are half written or wrong change nothing. */
  async renew(log: Logger): Promise<void> {
    try {
      const loaded = await load(this.#settings);
      if (loaded.key === this.#loaded.key) return;
      this.#loaded = loaded;
      log.info({}, 'certificates were renewed');
    } catch (error) {
      log.warn({ why: messageOf(error) }, 'renewed certificates cannot be used yet');
    }
  }

  async follow(clock: Clock, log: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(lookEveryMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.renew(log);
    }
  }
}

async function load({ tls, trustDomain, pair }: TlsSettings): Promise<Loaded> {
  const files = [tls.certificateFile, tls.keyFile, tls.pairCaFile];
  const [certificatePem = '', keyPem = '', pairPem = ''] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const identity = { trustDomain, pairUid: pair.uid };
  const own = { certificatePem, privateKeyPem: new Secret(keyPem) };
  const client = clientTls(own, [pairAuthority(pairPem, identity)], { expected: anyMemberOf(identity) });
  return { key: [certificatePem, keyPem, pairPem].join('\n'), credentials: clientCredentials(client) };
}
