import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { plainNetwork, serversAddress } from './network.ts';
import type { Network } from './network.ts';
import { systemProgram } from './programs.ts';
import { temporaryFolder } from './temporary.ts';

/** What Prometheus is told: its configuration, and rule files by name. Both are written as JSON, which is YAML. */
export interface PrometheusSettings {
  /** `global`, `scrape_configs`, `alerting`… as Prometheus documents them; `rule_files` is added. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Each value is a rule file: `{ groups: [...] }`, or its text in YAML. */
  readonly rules?: Readonly<Record<string, object | string>>;
}

export interface PrometheusOptions extends PrometheusSettings {
  readonly network?: Network;
  readonly address?: string;
  readonly directory?: string;
}

/** One series of an instant query. */
export interface PrometheusSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A real Prometheus. */
export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  readonly address: string;
  readonly port: number;
  /** The series an expression gives now. Throws when Prometheus refuses the expression. */
  query(expression: string): Promise<readonly PrometheusSample[]>;
  /** Any path of the HTTP API, parsed: `get('/api/v1/alerts')` gives its `data`. */
  get(path: string): Promise<unknown>;
  /** Writes new settings and makes Prometheus read them; throws with its words when it refuses them. */
  reload(settings: PrometheusSettings): Promise<void>;
  stop(): Promise<void>;
}

const readyMaxMs = 60_000;

export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const network = options.network ?? plainNetwork();
  const address = options.address ?? (await network.address(serversAddress));
  const port = await network.freePort();
  const url = `http://${address}:${port}`;
  const temporary = options.directory === undefined ? await temporaryFolder('prometheus') : undefined;
  const directory = options.directory ?? temporary?.path ?? '';
  const remove = async (): Promise<void> => temporary?.remove();
  try {
    await writeSettings(directory, options);
    const child = await startChild({
      name: 'prometheus',
      command: systemProgram('prometheus'),
      args: [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=${address}:${port}`,
        '--web.enable-lifecycle',
        // An alert that fires before the Alertmanager is discovered is dropped; the next sending must not be a minute away.
        '--rules.alert.resend-delay=1s',
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
    const reload = async (settings: PrometheusSettings): Promise<void> => {
      await writeSettings(directory, settings);
      const answer = await fetch(`${url}/-/reload`, { method: 'POST' });
      if (!answer.ok) throw new Error(`Prometheus refuses its settings: ${(await answer.text()).trim()}\n${await child.logTail()}`);
    };
    const get = (path: string): Promise<unknown> => getData(url, path);
    return { url, address, port, query: (expression) => query(url, expression), get, reload, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function writeSettings(directory: string, { config, rules = {} }: PrometheusSettings): Promise<void> {
  const folder = join(directory, 'rules');
  await mkdir(folder, { recursive: true });
  const files = Object.entries(rules).map(([name, content]) => ({ path: join(folder, `${name}.yml`), content }));
  for (const { path, content } of files) await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  const whole = { ...config, rule_files: files.map(({ path }) => path) };
  await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(whole, null, 2));
}

async function getData(url: string, path: string): Promise<unknown> {
  const answer = await fetch(`${url}${path}`);
  const body = (await answer.json()) as { readonly status: string; readonly data?: unknown; readonly error?: string };
  if (body.status !== 'success') throw new Error(`Prometheus answers ${answer.status} to ${path}: ${body.error ?? ''}`);
  return body.data;
}

async function query(url: string, expression: string): Promise<readonly PrometheusSample[]> {
  const data = await getData(url, `/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { resultType, result } = data as { readonly resultType: string; readonly result: unknown };
  if (resultType === 'scalar') return [{ labels: {}, value: Number((result as readonly [number, string])[1]) }];
  if (resultType !== 'vector') throw new Error(`an instant vector or a scalar was expected, ${expression} gives a ${resultType}`);
  const series = result as readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[];
  return series.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}
