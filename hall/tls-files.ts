import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { RenewableServerCredentials } from '#lib/link/credentials.ts';
import type { OwnTls } from '#lib/link/credentials.ts';
import { hallAuthority, pairAuthority, serverTls } from '#lib/pki/trust.ts';
import type { TrustedAuthority } from '#lib/pki/trust.ts';
import type { HallServerSettings } from './contract.ts';

/** Renewed files are noticed this soon. */
const lookEveryMs = 10_000;

interface Loaded {
  readonly key: string;
  readonly tls: OwnTls;
  readonly trust: readonly TrustedAuthority[];
}

/** The server's certificate and the authorities of its clients, followed while their files change. */
export class TlsFiles {
  readonly credentials: RenewableServerCredentials;
  readonly #settings: HallServerSettings;
  #loaded: Loaded;

  private constructor(settings: HallServerSettings, loaded: Loaded) {
    this.#settings = settings;
    this.#loaded = loaded;
    this.credentials = new RenewableServerCredentials(loaded.tls);
  }

  /** @throws when a file cannot be read or holds no certificate. */
  static async read(settings: HallServerSettings): Promise<TlsFiles> {
    return new TlsFiles(settings, await load(settings));
  }

  get trust(): readonly TrustedAuthority[] {
    return this.#loaded.trust;
  }

  /** Takes renewed files. Files that are half written or wrong change nothing. */
  async renew(log: Logger): Promise<void> {
    try {
      const loaded = await load(this.#settings);
      if (loaded.key === this.#loaded.key) return;
      this.credentials.renew(loaded.tls);
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

async function load({ tls, trustDomain, pair, hall }: HallServerSettings): Promise<Loaded> {
  const files = [tls.certificateFile, tls.keyFile, tls.hallCaFile, tls.pairCaFile];
  const [certificatePem = '', keyPem = '', hallPem = '', pairPem = ''] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const trust = [hallAuthority(hallPem, { trustDomain, hall }), pairAuthority(pairPem, { trustDomain, pairUid: pair.uid })];
  const own = serverTls({ certificatePem, privateKeyPem: new Secret(keyPem) }, trust);
  // Says now, not at the first handshake, that key and certificate do not belong together.
  createSecureContext(own);
  return { key: [certificatePem, keyPem, hallPem, pairPem].join('\n'), tls: own, trust };
}
