import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alertRuleTexts } from '../alerts/rule-files.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { startAlertmanager } from '#test/cluster/alertmanager.ts';
import type { Alertmanager } from '#test/cluster/alertmanager.ts';
import type { Network } from '#test/cluster/network.ts';
import { startPrometheus } from '#test/cluster/prometheus.ts';
import type { Prometheus } from '#test/cluster/prometheus.ts';
import { memberNames, operatorNamespace } from './names.ts';
import type { Places } from './places.ts';
import { secrets, textsOf } from './resources.ts';

/** Until the operator has written its own: nobody is told of anything. */
const emptyConfiguration = { route: { receiver: 'nobody' }, receivers: [{ name: 'nobody' }] };

/** The Secret with Alertmanager's configuration, and its keys. */
const routesSecret = { namespace: operatorNamespace, name: 'hallkeeper-alertmanager' };
const configurationKey = 'alertmanager.yaml';
const templatesKey = 'hallkeeper.tmpl';

const lookEveryMs = 1_000;
const lookMaxMs = 5_000;

function startMonitoringTargets(places: Places): Readonly<Record<string, readonly string[]>> {
  const { members, servers, memberMetricsPort, hallMetricsPort, exporterPort, operatorPort } = places;
  return {
    member: memberNames.map((name) => `${members[name]}:${memberMetricsPort}`),
    'hall-server': memberNames.map((name) => `${members[name]}:${hallMetricsPort}`),
    'terminal-exporter': [`${servers}:${exporterPort}`],
    operator: [`${servers}:${operatorPort}`],
  };
}

/** Prometheus with the rules of alerts/, looking every second so that nobody has to wait for what happened. */
export async function startDemoPrometheus(
  directory: string,
  network: Network,
  places: Places,
  alertmanager: Alertmanager,
): Promise<Prometheus> {
  const targets = Object.entries(startMonitoringTargets(places));
  return startPrometheus({
    directory,
    network,
    config: {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      scrape_configs: targets.map(([job, addresses]) => ({ job_name: job, static_configs: [{ targets: addresses }] })),
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`${alertmanager.address}:${alertmanager.port}`] }] }] },
    },
    rules: await alertRuleTexts(),
  });
}

/** An Alertmanager that follows the Secret of the operator, as a reloader beside it does in a cluster. */
export class RoutedAlertmanager implements AsyncDisposable {
  readonly alertmanager: Alertmanager;
  readonly #directory: string;
  readonly #admin: KubeClient;
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;
  #known = '';
  #problem = 'the operator has not written its configuration yet';

  private constructor(alertmanager: Alertmanager, directory: string, admin: KubeClient) {
    this.alertmanager = alertmanager;
    this.#directory = directory;
    this.#admin = admin;
  }

  static async start(directory: string, network: Network, admin: KubeClient): Promise<RoutedAlertmanager> {
    await writeFile(join(directory, templatesKey), '');
    const alertmanager = await startAlertmanager({ config: emptyConfiguration, directory, network });
    const routed = new RoutedAlertmanager(alertmanager, directory, admin);
    routed.#following = routed.#follow();
    return routed;
  }

  /** Why Alertmanager does not follow the operator; empty when it does. */
  get problem(): string {
    return this.#problem;
  }

  /** Whether the configuration in force mentions this. */
  routes(text: string): boolean {
    return this.#known.includes(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.alertmanager.stop();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    const client = this.#admin.with({ deadlineMs: lookMaxMs, attemptsMax: 1 });
    while (!signal.aborted) {
      try {
        const secret = await client.find(secrets, routesSecret, signal);
        if (secret !== undefined) await this.#take(textsOf(secret));
      } catch (error) {
        this.#problem = messageOf(error);
      }
      await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #take(texts: Readonly<Record<string, string>>): Promise<void> {
    const configuration = texts[configurationKey] ?? '';
    const templates = texts[templatesKey] ?? '';
    const whole = `${configuration}\0${templates}`;
    if (whole === this.#known) return;
    await writeFile(join(this.#directory, templatesKey), templates);
    await this.alertmanager.reload(configuration);
    this.#known = whole;
    this.#problem = '';
  }
}
