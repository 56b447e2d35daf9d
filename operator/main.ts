import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { exitCodes } from '#lib/base/command.ts';
import { readYamlFile } from '#lib/base/documents.ts';
import { messageOf } from '#lib/base/errors.ts';
import { runParts } from '#lib/base/parts.ts';
import { runProgram } from '#lib/base/system-program.ts';
import type { ProgramPorts } from '#lib/base/system-program.ts';
import { productVersion } from '#lib/base/version.ts';
import type { HttpTls } from '#lib/http/http-server.ts';
import { readHttpTls } from '#lib/http/http-tls-files.ts';
import { KubeClient } from '#lib/kube/client.ts';
import type { KubeClientPorts } from '#lib/kube/client.ts';
import { loadKubeConfigFile } from '#lib/kube/credentials.ts';
import { assembleOperator } from './operator.ts';
import { rooms } from './rooms.ts';
import { parseOperatorSettings } from './settings.ts';
import type { OperatorSettings } from './settings.ts';

const name = 'hallkeeper-operator';

interface Loaded {
  readonly settings: OperatorSettings;
  readonly tls: HttpTls | undefined;
  readonly connect: (ports: KubeClientPorts) => KubeClient;
}

async function load(file: string): Promise<Loaded> {
  const settings = parseOperatorSettings(await readYamlFile(file));
  const tls = settings.http.tls === undefined ? undefined : await readHttpTls(settings.http.tls);
  const config = settings.kubeconfig === undefined ? undefined : await loadKubeConfigFile(settings.kubeconfig);
  const connect = (ports: KubeClientPorts): KubeClient =>
    config === undefined ? KubeClient.inCluster(ports) : KubeClient.fromKubeConfig(config, ports);
  return { settings, tls, connect };
}

async function run({ settings, tls, connect }: Loaded, { clock, random, log, signal }: ProgramPorts): Promise<void> {
  // Somebody else may be leading already, or our own belief is wrong: nothing more is done, not even the ordinary stop.
  const fatal = (error: Error): void => {
    log.error({ error: messageOf(error), stack: error.stack }, 'the operator ends at once');
    process.exit(exitCodes.failed);
  };
  const shared = { clock, random, log };
  const operator = assembleOperator({
    ...shared,
    settings,
    identity: `${hostname()}_${randomUUID()}`,
    tls,
    connect: (observer) => connect({ ...shared, userAgent: `${name}/${productVersion}`, observer }),
    fatal,
    rooms,
  });
  await runParts(operator.parts, { clock, log, signal });
}

await runProgram(
  { name, summary: 'Reconciles halls, terminals and failover pairs of a Kubernetes cluster.', config: 'settings file in YAML', load },
  run,
);
