import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#lib/base/errors.ts';
import type { Condition } from '#lib/api/shared.gen.ts';
import { startBind } from '#test/cluster/bind.ts';
import type { Bind } from '#test/cluster/bind.ts';
import { startNetwork } from '#test/cluster/network.ts';
import type { Network } from '#test/cluster/network.ts';
import type { Prometheus } from '#test/cluster/prometheus.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { databaseClient } from './database-client.ts';
import { startExporter } from './exporter.ts';
import { fieldManager, installHallkeeper, operatorKubeconfig, startCluster } from './kubernetes.ts';
import type { DemoCluster } from './kubernetes.ts';
import { fitManifests, readManifests } from './manifests.ts';
import type { Manifests } from './manifests.ts';
import { DemoMember } from './member.ts';
import { RoutedAlertmanager, startDemoPrometheus } from './monitoring.ts';
import { hallName, memberNames, namespace, pairName, terminalNames } from './names.ts';
import type { MemberName } from './names.ts';
import { DemoOperator } from './operator.ts';
import { openPageOffice } from './page.ts';
import type { PageOffice } from './page.ts';
import { choosePlaces } from './places.ts';
import type { Places } from './places.ts';
import { halls, pairs, secrets, terminals as terminalResource, textsOf } from './resources.ts';
import { allSettled } from './steps.ts';
import type { Steps } from './steps.ts';
import { TerminalFleet } from './terminal-fleet.ts';
import { Writer } from './writer.ts';

/** A whole hall that runs on this machine. */
export interface DemoHall {
  readonly network: Network;
  readonly places: Places;
  readonly cluster: DemoCluster;
  readonly bind: Bind;
  /** The pair's DNS name. */
  readonly name: string;
  readonly members: Readonly<Record<MemberName, DemoMember>>;
  readonly prometheus: Prometheus;
  readonly operator: DemoOperator;
  readonly fleet: TerminalFleet;
  readonly writer: Writer;
  readonly office: PageOffice;
}

/** Generous: the machine may be busy with other work. */
const startMaxMs = 120_000;

interface Ground {
  readonly manifests: Manifests;
  readonly network: Network;
  readonly places: Places;
  /** A folder of its own for each part. */
  readonly folder: (name: string) => Promise<string>;
  readonly stack: AsyncDisposableStack;
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/** Starts everything and waits until the hall is whole. What was started goes onto the stack, also when a later part fails. */
export async function startHall(stack: AsyncDisposableStack, steps: Steps, signal: AbortSignal): Promise<DemoHall> {
  const ground = await prepareGround(stack, steps, signal);
  const { network, places, folder } = ground;
  const { cluster, bind, office } = await startServers(ground);
  const { alertmanager, prometheus } = await steps.run('Alertmanager, and Prometheus with the rules of alerts/', async () => {
    const routed = stack.use(await RoutedAlertmanager.start(await folder('alertmanager'), network, cluster.admin));
    return {
      alertmanager: routed,
      prometheus: stack.use(await startDemoPrometheus(await folder('prometheus'), network, places, routed.alertmanager)),
    };
  });
  const operator = await steps.run('operator, under its own ServiceAccount', async () => {
    const directory = await folder('operator');
    const kubeconfig = await operatorKubeconfig(cluster, directory, signal);
    const { smarthost, botApiUrl } = office;
    return stack.use(await DemoOperator.start({ directory, network, places, kubeconfig, smarthost, botApiUrl }));
  });
  const pairUid = await steps.run('demo/manifests applied: Hall, FailoverPair, 40 Terminals', () =>
    applyManifests(ground, cluster, bind, office),
  );
  const name = ground.manifests.pair.spec.dns?.name ?? '';
  const members = await steps.run('two members enrolled, PostgreSQL started and copied, mode Sync', () => startMembers(ground, cluster));
  const [writer, fleet] = await allSettled([
    steps.run('writer that commits through the DNS name of the pair', () => startWriter(ground, { cluster, bind, pairUid, name })),
    steps.run('40 terminals with their certificates, and the exporter', () => startTerminals(ground, cluster)),
  ]);
  const hall: DemoHall = { network, places, cluster, bind, name, members, prometheus, operator, fleet, writer, office };
  await steps.run('everything seen by Prometheus, pages routed', () => untilWhole(hall, alertmanager, signal));
  return hall;
}

async function prepareGround(stack: AsyncDisposableStack, steps: Steps, signal: AbortSignal): Promise<Ground> {
  const ground = await steps.run('addresses of its own', async (): Promise<Ground> => {
    const root = stack.use(await temporaryFolder('demo'));
    const network = stack.use(await startNetwork());
    const folder = async (name: string): Promise<string> => {
      const path = join(root.path, name);
      await mkdir(path, { recursive: true });
      return path;
    };
    return { manifests: await readManifests(), network, places: await choosePlaces(network), folder, stack, steps, signal };
  });
  steps.note(`  ${networkText(ground.network)}`);
  return ground;
}

function networkText({ isolated, range, why }: Network): string {
  if (isolated) return `in a network namespace, ${range}, which this machine reaches and no other`;
  return `on 127.0.0.1 and 127.0.0.2, without a Service: ${why}`;
}

async function startServers({
  manifests,
  network,
  folder,
  stack,
  steps,
  signal,
}: Ground): Promise<{ readonly cluster: DemoCluster; readonly bind: Bind; readonly office: PageOffice }> {
  const zone = manifests.pair.spec.dns?.zone ?? '';
  const keyName = manifests.pair.spec.dns?.tsigKeyName ?? '';
  const chatId = manifests.hall.spec.notify?.find(({ telegram }) => telegram !== undefined)?.telegram?.chatID ?? 0;
  const [bind, office, cluster] = await allSettled([
    steps.run('DNS server (BIND) with a dynamic zone', async () =>
      stack.use(await startBind({ network, zone, keyNames: [keyName], directory: await folder('bind') })),
    ),
    steps.run('mail server and Bot API of the on-call person', () => openPageOffice(network.hostAddress, chatId, stack)),
    steps.run('Kubernetes API: etcd, kube-apiserver, kube-controller-manager', async () =>
      startCluster(network, await folder('control-plane'), stack),
    ),
  ]);
  await steps.run('crds/, policies/ and the rights of the operator', () => installHallkeeper(cluster, signal));
  return { cluster, bind, office };
}

/** @returns the UID of the FailoverPair. */
async function applyManifests(
  { manifests, places, signal }: Ground,
  { admin }: DemoCluster,
  bind: Bind,
  { botToken }: PageOffice,
): Promise<string> {
  const fitted = fitManifests(manifests, places, { address: bind.address, port: bind.port });
  const options = { fieldManager, force: false };
  const secret = (name: string, stringData: Readonly<Record<string, string>>): Promise<unknown> =>
    admin.apply(secrets, { metadata: { namespace, name }, stringData } as Parameters<typeof admin.apply>[1], options, signal);
  await secret('pair-7-tsig', { secret: bind.key.secret });
  await secret('hall-7-bot', { token: botToken });
  const pair = await admin.apply(pairs, fitted.pair, options, signal);
  await admin.apply(halls, fitted.hall, options, signal);
  for (const terminal of fitted.terminals) await admin.apply(terminalResource, terminal, options, signal);
  return pair.metadata.uid;
}

async function startMembers(
  { network, places, folder, stack, signal }: Ground,
  { admin, kubeconfig }: DemoCluster,
): Promise<DemoHall['members']> {
  const made = {} as Record<MemberName, DemoMember>;
  // The hall is in the settings from the beginning, so that no agent has to begin anew.
  await eventually('the operator has accepted the Hall', async () => (await admin.find(secrets, exporterSecret, signal)) !== undefined, {
    maxMs: startMaxMs,
    signal,
  });
  const start = async (name: MemberName): Promise<void> => {
    const directory = await folder(`member-${name}`);
    const wish = { name, directory, network, address: places.members[name], metricsPort: places.memberMetricsPort, kubeconfig };
    const member = stack.use(new DemoMember(wish));
    made[name] = member;
    const enrolled = async (): Promise<true> => {
      await member.enrol();
      return true;
    };
    await eventually(`member ${name} is enrolled`, enrolled, { maxMs: startMaxMs, everyMs: 200, signal });
    await member.start();
  };
  await allSettled(memberNames.map((name) => start(name)));
  const synced = new AbortController();
  const watched = AbortSignal.any([signal, synced.signal]);
  await Promise.race([untilSync(admin, { maxMs: startMaxMs, signal: watched }), agentsEnd(Object.values(made), watched)]).finally(() =>
    synced.abort(new Error('the wait is over')),
  );
  return made;
}

/** Rejects when an agent has ended: nobody has to wait for it any longer. */
async function agentsEnd(members: readonly DemoMember[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const member of members) await member.requireRunning();
    await sleep(agentsEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  signal.throwIfAborted();
}

const agentsEveryMs = 500;
const exporterSecret = { namespace, name: `hallkeeper-hall-${hallName}-exporter` };

/** Waits until both members of the pair have everything and a failover would lose nothing. */
export async function untilSync(
  admin: DemoCluster['admin'],
  { maxMs, signal }: { readonly maxMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const client = admin.with({ attemptsMax: 1 });
  await eventually(
    'the pair is in mode Sync',
    async () => {
      const { status } = await client.get(pairs, { namespace, name: pairName }, signal);
      const lossless = status?.conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible');
      if (status?.mode === 'Sync' && lossless?.status === 'True') return true;
      throw new Error(`its mode is ${status?.mode ?? 'not known'}; ${conditionsText(status?.conditions)}`);
    },
    { maxMs, signal },
  );
}

function conditionsText(conditions: readonly Condition[] = []): string {
  return conditions.map(({ type, status, reason, message }) => `${type}=${status} (${reason}: ${message})`).join('; ');
}

async function startWriter(
  { places, stack, signal }: Ground,
  { cluster, bind, pairUid, name }: Pick<DemoHall, 'cluster' | 'bind' | 'name'> & { readonly pairUid: string },
): Promise<Writer> {
  const tls = await databaseClient(cluster.admin, pairUid, signal);
  const writer = stack.use(new Writer({ resolve: () => bind.addressesOf(name), name, port: places.postgresPort, tls }));
  writer.start();
  await eventually(
    'the writer commits',
    () => {
      if (writer.acknowledged > 0) return true;
      throw new Error(writer.lastError);
    },
    { maxMs: startMaxMs, signal },
  );
  return writer;
}

async function startTerminals({ network, places, folder, stack, signal }: Ground, { admin }: DemoCluster): Promise<TerminalFleet> {
  const credentials = [];
  let common: Readonly<Record<string, string>> = {};
  for (const name of terminalNames()) {
    const key = { namespace, name: `hallkeeper-terminal-${name}` };
    const secret = await eventually(`the operator has enrolled terminal ${name}`, () => admin.find(secrets, key, signal), {
      maxMs: startMaxMs,
      signal,
    });
    common = textsOf(secret);
    credentials.push({ name, certificate: common['tls.crt'] ?? '', key: common['tls.key'] ?? '' });
  }
  const connection = JSON.parse(common['connection.json'] ?? '{}') as Readonly<Record<string, unknown>>;
  const wish = { connection, trust: common['ca.crt'] ?? '', terminals: credentials };
  const fleet = stack.use(await TerminalFleet.start(await folder('terminals'), network, wish));
  const exporter = await admin.get(secrets, exporterSecret, signal);
  stack.use(await startExporter(await folder('exporter'), network, places, textsOf(exporter)));
  await eventually(
    'all terminals are online',
    async () => {
      const { online, total } = await fleet.status();
      if (online === total) return true;
      throw new Error(`${online} of ${total} are`);
    },
    { maxMs: startMaxMs, signal },
  );
  return fleet;
}

/** Everything that the story needs is there: every target scraped, the pair's epoch known to the rules, the page routed. */
async function untilWhole({ prometheus, places }: DemoHall, alertmanager: RoutedAlertmanager, signal: AbortSignal): Promise<void> {
  const limits = { maxMs: startMaxMs, signal };
  const targets = targetCount(places);
  await eventually(
    'Prometheus scrapes every part',
    async () => {
      const down = await prometheus.query('up == 0');
      const up = await onlyValue(prometheus, 'sum(up)');
      if (up === targets) return true;
      throw new Error(`not ${down.map(({ labels }) => `${labels['job'] ?? ''} ${labels['instance'] ?? ''}`).join(', ')}`);
    },
    limits,
  );
  await eventually(
    'the exporter shows all terminals online',
    async () => (await onlineTerminals(prometheus)) === terminalNames().length,
    limits,
  );
  await eventually(
    'Alertmanager follows the operator',
    () => {
      if (alertmanager.routes(hallName)) return true;
      throw new Error(alertmanager.problem === '' ? 'the Hall has no route yet' : alertmanager.problem);
    },
    limits,
  );
  await eventually(
    'the rules have seen the pair before its failover',
    async () => ((await onlyValue(prometheus, `count_over_time((max(hallkeeper_pair_epoch) > 0)[1m:1s])`)) ?? 0) >= lookedMin,
    limits,
  );
}

/** Looks at a pair before its failover, so that the failover is a change. */
const lookedMin = 3;

const targetCount = ({ members }: Places): number => Object.keys(members).length * 2 + 2;

export function onlineTerminals(prometheus: Prometheus): Promise<number | undefined> {
  return onlyValue(prometheus, `sum(hallkeeper_terminal_state{hall="${hallName}",state="online"})`);
}

export async function onlyValue(prometheus: Prometheus, expression: string): Promise<number | undefined> {
  try {
    return (await prometheus.query(expression))[0]?.value;
  } catch (error) {
    throw new Error(`Prometheus cannot be asked: ${messageOf(error)}`, { cause: error });
  }
}
