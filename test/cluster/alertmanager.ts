import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { plainNetwork, serversAddress } from './network.ts';
import type { Network } from './network.ts';
import { systemProgram } from './programs.ts';
import { temporaryFolder } from './temporary.ts';

export interface AlertmanagerOptions {
  /** As Alertmanager documents it: an object, or its text in YAML. */
  readonly config: object | string;
  readonly network?: Network;
  readonly address?: string;
  readonly directory?: string;
}

/** A real Alertmanager, alone (no cluster). */
export interface Alertmanager extends AsyncDisposable {
  readonly url: string;
  readonly address: string;
  readonly port: number;
  /** Hands in alerts as Prometheus does. */
  post(alerts: readonly PostedAlert[]): Promise<void>;
  /** Alerts it holds now. */
  alerts(): Promise<readonly { readonly labels: Readonly<Record<string, string>> }[]>;
  /** Writes a new configuration and makes Alertmanager read it; throws with its words when it refuses it. */
  reload(config: object | string): Promise<void>;
  stop(): Promise<void>;
}

export interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt?: string;
  readonly endsAt?: string;
}

const readyMaxMs = 60_000;

export async function startAlertmanager(options: AlertmanagerOptions): Promise<Alertmanager> {
  const network = options.network ?? plainNetwork();
  const address = options.address ?? (await network.address(serversAddress));
  const port = await network.freePort();
  const url = `http://${address}:${port}`;
  const temporary = options.directory === undefined ? await temporaryFolder('alertmanager') : undefined;
  const directory = options.directory ?? temporary?.path ?? '';
  const configFile = join(directory, 'alertmanager.yml');
  const remove = async (): Promise<void> => temporary?.remove();
  try {
    await writeConfig(configFile, options.config);
    const child = await startChild({
      name: 'alertmanager',
      command: systemProgram('prometheus-alertmanager', 'alertmanager'),
      args: [
        `--config.file=${configFile}`,
        `--storage.path=${join(directory, 'data')}`,
        `--web.listen-address=${address}:${port}`,
        // Else its messages would name this machine, which nobody may be able to resolve.
        `--web.external-url=${url}`,
        '--cluster.listen-address=',
      ],
      directory,
      network,
      ready: async (signal) => (await fetch(`${url}/-/ready`, { signal })).ok,
      readyMaxMs,
    });
    const stop = async (): Promise<void> => {
      await child.stop();
      await remove();
    };
    const reload = async (config: object | string): Promise<void> => {
      await writeConfig(configFile, config);
      const answer = await fetch(`${url}/-/reload`, { method: 'POST' });
      if (!answer.ok) throw new Error(`Alertmanager refuses its configuration: ${(await answer.text()).trim()}`);
    };
    return {
      url,
      address,
      port,
      post: (alerts) => postAlerts(url, alerts),
      alerts: async () => (await (await fetch(`${url}/api/v2/alerts`)).json()) as readonly { labels: Record<string, string> }[],
      reload,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function postAlerts(url: string, alerts: readonly PostedAlert[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body: JSON.stringify(alerts) });
  if (!answer.ok) throw new Error(`Alertmanager refuses the alerts: ${(await answer.text()).trim()}`);
}

async function writeConfig(path: string, config: object | string): Promise<void> {
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config, null, 2), { mode: 0o600 });
}
