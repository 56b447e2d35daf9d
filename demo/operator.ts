import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '#test/cluster/child.ts';
import type { Child } from '#test/cluster/child.ts';
import type { Network } from '#test/cluster/network.ts';
import { ourPrograms } from './programs.ts';
import type { Places } from './places.ts';

export interface OperatorWish {
  readonly directory: string;
  readonly network: Network;
  readonly places: Places;
  readonly kubeconfig: string;
  /** `host:port` of the mail server. */
  readonly smarthost: string;
  readonly botApiUrl: string;
}

const readyMaxMs = 60_000;
/** Longer each time it ends again at once, as a Deployment does it. */
const restartMs = { first: 500, max: 10_000 } as const;
const settledMs = 30_000;

/**
 * The operator, with its own identity, started again whenever it ends: one that may have lost its lease ends itself, and in a cluster
 * the Deployment starts it again. Pages are sent at once instead of after the usual ten seconds.
 */
export class DemoOperator implements AsyncDisposable {
  readonly #start: () => Promise<Child>;
  readonly #stop = new AbortController();
  #child: Child;
  readonly #supervising: Promise<void>;
  #endings = 0;

  private constructor(child: Child, start: () => Promise<Child>) {
    this.#child = child;
    this.#start = start;
    this.#supervising = this.#supervise();
  }

  static async start(wish: OperatorWish): Promise<DemoOperator> {
    const config = await writeSettings(wish);
    const { directory, network, places } = wish;
    const start = (ready?: (signal: AbortSignal) => Promise<boolean>): Promise<Child> =>
      startChild({
        name: 'operator',
        command: process.execPath,
        args: [ourPrograms.operator, '--config', config],
        directory,
        network,
        readyMaxMs,
        ...(ready === undefined ? {} : { ready }),
      });
    const isReady = async (signal: AbortSignal): Promise<boolean> =>
      (await fetch(`http://${places.servers}:${places.operatorPort}/-/ready`, { signal })).ok;
    return new DemoOperator(await start(isReady), start);
  }

  /** How often it has ended by itself. */
  get endings(): number {
    return this.#endings;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#child.stop();
    await this.#supervising;
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#stop;
    let pauseMs: number = restartMs.first;
    for (;;) {
      const startedAtMs = performance.now();
      await this.#child.exited;
      if (!signal.aborted) this.#endings += 1;
      if (performance.now() - startedAtMs > settledMs) pauseMs = restartMs.first;
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      pauseMs = Math.min(restartMs.max, 2 * pauseMs);
      this.#child = await this.#start();
      // Stopped in the very moment of the start: nobody else would end it.
      if (this.#stop.signal.aborted) await this.#child.stop();
    }
  }
}

async function writeSettings({ directory, places, kubeconfig, smarthost, botApiUrl }: OperatorWish): Promise<string> {
  const config = join(directory, 'operator.yaml');
  const settings = {
    kubeconfig,
    http: { address: places.servers, port: places.operatorPort },
    notify: {
      // The mail server of the demo is on this machine and has no certificate.
      smtp: { smarthost, from: 'hallkeeper@hall-7.example.org', requireTls: false },
      telegram: { apiUrl: botApiUrl },
      timing: { groupWait: '1s', groupInterval: '5s' },
    },
  };
  await writeFile(config, JSON.stringify(settings, null, 2), { mode: 0o600 });
  return config;
}
