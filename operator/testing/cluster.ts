import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { LogFields, Logger } from '#lib/base/log.ts';
import { runParts } from '#lib/base/parts.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { KubeClient } from '#lib/kube/client.ts';
import type { KubeObject, ObjectKey, ResourceType } from '#lib/kube/objects.ts';
import { repositoryRoot, startApiServer } from '#test/api/api-server.ts';
import type { ApiServer } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import type { ControlPlaneOptions } from '#test/cluster/control-plane.ts';
import { assembleOperator } from '../operator.ts';
import type { OperatorOptions } from '../operator.ts';
import { parseOperatorSettings } from '../settings.ts';

/** A real API server with definitions, policies and the operator's own identity, which is all that a tested operator gets. */
export interface OperatorCluster extends AsyncDisposable {
  readonly server: ApiServer;
  /** The administrator's. */
  readonly admin: KubeClient;
  /** Starts an operator in this process, under the identity of operator/rbac.yaml. */
  operator(options?: OperatorWish): Promise<RunningOperator>;
  /** A client under the operator's identity. */
  readonly asOperator: KubeClient;
  /** A client with this bearer token. */
  withToken(token: string): KubeClient;
  until<T extends KubeObject>(what: string, type: ResourceType<T>, key: ObjectKey, holds: (object: T) => boolean): Promise<T>;
  untilGone(type: ResourceType<KubeObject>, key: ObjectKey): Promise<void>;
}

export interface OperatorWish extends Partial<Pick<OperatorOptions, 'rooms'>> {
  readonly settings?: object;
}

export interface RunningOperator {
  /** `create 201`, `apply 200`, …: every write that was answered, in order; renewals of the lease are updates, too. */
  readonly writes: readonly string[];
  readonly lines: readonly { readonly fields: LogFields; readonly message: string }[];
  readonly fatal: readonly Error[];
  readonly url: string;
  stop(): Promise<void>;
}

/** Generous: the machine may be busy with other work. */
export const patience = { maxMs: 120_000, everyMs: 100 };
export const anySignal = (): AbortSignal => new AbortController().signal;

const account = { namespace: 'hallkeeper-system', name: 'hallkeeper-operator' };
const serviceAccounts: ResourceType<KubeObject> = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true };

export interface OperatorClusterOptions extends ControlPlaneOptions {
  /** The operator has its rights in these namespaces only, as operator/rbac.yaml advises. Absent: in all. */
  readonly boundIn?: readonly string[];
}

export async function startOperatorCluster(
  rooms: OperatorOptions['rooms'],
  { boundIn, ...options }: OperatorClusterOptions = {},
): Promise<OperatorCluster> {
  const server = await startApiServer(options);
  await server.kubectl('apply', '--namespace', account.namespace, '--server-side', '-f', join(repositoryRoot, 'operator', 'rbac.yaml'));
  if (boundIn !== undefined) await bindIn(boundIn, server);
  const { controlPlane } = server;
  const ports = { clock: systemClock, random: systemRandom, log: recordingLog([]), userAgent: 'hallkeeper-test/1' };
  const clients: KubeClient[] = [];
  const operators: RunningOperator[] = [];
  const withToken = (token: string, change: Partial<Parameters<typeof KubeClient.fromKubeConfig>[1]> = {}): KubeClient => {
    const client = KubeClient.fromKubeConfig(configOf(server, token), { ...ports, ...change });
    clients.push(client);
    return client;
  };
  const admin = withToken(controlPlane.adminToken);
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 7_200 } };
  const { status } = await admin.createSubresource<{ readonly status: { readonly token: string } }>(
    serviceAccounts,
    account,
    'token',
    body,
    anySignal(),
  );
  return {
    server,
    admin,
    asOperator: withToken(status.token),
    withToken,
    operator: async ({ settings = {}, ...wish } = {}) => {
      const operator = await startOperator({ rooms, ...wish }, settings, (change) => withToken(status.token, change));
      operators.push(operator);
      return operator;
    },
    until: (what, type, key, holds) =>
      eventually(
        what,
        async () => {
          const found = await admin.get(type, key, anySignal());
          if (!holds(found)) throw new Error(JSON.stringify(found).slice(0, 4_000));
          return found;
        },
        patience,
      ),
    untilGone: async (type, key) => {
      await eventually(`${type.kind} ${key.name} is gone`, async () => (await admin.find(type, key, anySignal())) === undefined, patience);
    },
    [Symbol.asyncDispose]: async () => {
      for (const operator of operators) await operator.stop();
      await Promise.all(clients.map((client) => client.close()));
      await server[Symbol.asyncDispose]();
    },
  };
}

async function bindIn(namespaces: readonly string[], server: ApiServer): Promise<void> {
  await server.kubectl('delete', 'clusterrolebinding', account.name);
  const subject = `${account.namespace}:${account.name}`;
  const binding = ['create', 'rolebinding', account.name, `--clusterrole=${account.name}`, `--serviceaccount=${subject}`];
  for (const name of namespaces) await server.kubectl(...binding, '--namespace', name);
}

async function startOperator(
  { rooms }: Pick<OperatorOptions, 'rooms'>,
  settings: object,
  connect: (change: Partial<Parameters<typeof KubeClient.fromKubeConfig>[1]>) => KubeClient,
): Promise<RunningOperator> {
  const lines: { readonly fields: LogFields; readonly message: string }[] = [];
  const writes: string[] = [];
  const fatal: Error[] = [];
  const log = recordingLog(lines);
  const lease = { duration: '60s', renewDeadline: '50s', retryPeriod: '300ms' };
  const operator = assembleOperator({
    settings: parseOperatorSettings({ http: { port: 0 }, lease, ...settings }),
    identity: `test_${Math.random()}`,
    clock: systemClock,
    random: systemRandom,
    log,
    rooms,
    fatal: (error) => void fatal.push(error),
    connect: (observer) =>
      connect({
        log,
        observer: {
          answered: (label, seconds) => {
            if (label.method !== 'GET') writes.push(`${label.verb} ${label.code}`);
            observer.answered(label, seconds);
          },
        },
      }),
  });
  const stop = new AbortController();
  const running = runParts(operator.parts, { clock: systemClock, log, signal: stop.signal });
  const ended = running.then(
    () => undefined,
    (error: unknown) => error,
  );
  await eventually('the operator leads', () => lines.some(({ message }) => message === 'leading') || fatal.length > 0, patience);
  return {
    writes,
    lines,
    fatal,
    get url() {
      return `http://127.0.0.1:${operator.http.listening.port}`;
    },
    stop: async () => {
      stop.abort(new Error('the test stops the operator'));
      const error = await ended;
      if (error !== undefined) throw error as Error;
    },
  };
}

function configOf({ controlPlane }: ApiServer, token: string): KubeConfig {
  const config = new KubeConfig();
  const raw = controlPlane.kubeconfig();
  config.loadFromString(JSON.stringify({ ...raw, users: raw.users.map((user) => ({ ...user, user: { token } })) }));
  return config;
}

function recordingLog(lines: { readonly fields: LogFields; readonly message: string }[], own: LogFields = {}): Logger {
  const write = (fields: LogFields, message: string): void => {
    lines.push({ fields: { ...own, ...fields }, message });
    if (process.env['HALLKEEPER_TEST_LOG'] !== undefined) process.stderr.write(`${message} ${JSON.stringify({ ...own, ...fields })}\n`);
  };
  return { debug: write, info: write, warn: write, error: write, with: (fields) => recordingLog(lines, { ...own, ...fields }) };
}
