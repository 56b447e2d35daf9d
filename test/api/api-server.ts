import { join } from 'node:path';
import { Agent, request } from 'undici';
import { readCrds } from '../../scripts/generate/crd.ts';
import type { Crd } from '../../scripts/generate/crd.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import type { ControlPlane, ControlPlaneOptions } from '../cluster/control-plane.ts';
import { eventually } from '../cluster/eventually.ts';
import { controlPlaneProgram } from '../cluster/programs.ts';
import { runTool } from '../cluster/run-tool.ts';

export const repositoryRoot = join(import.meta.dirname, '..', '..');

export const namespace = 'hall-7';

/** What the API server answered. `message` is its word on a refusal, empty otherwise. */
export interface Answer {
  readonly code: number;
  readonly message: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Anything with `kind` and `metadata`. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

export interface Asking {
  /** User that asks; `admin` when absent. */
  readonly as?: string;
  /** The server does all but store it. */
  readonly dryRun?: boolean;
}

/** A real API server with our definitions and policies installed, asked by plain HTTP. */
export interface ApiServer extends AsyncDisposable {
  readonly controlPlane: ControlPlane;
  readonly crds: readonly Crd[];
  create(manifest: Manifest, asking?: Asking): Promise<Answer>;
  /** Replaces the object, whatever its resource version. */
  update(manifest: Manifest, asking?: Asking): Promise<Answer>;
  updateStatus(manifest: Manifest, asking?: Asking): Promise<Answer>;
  read(kind: string, name: string): Promise<Answer>;
  remove(kind: string, name: string, asking?: Asking): Promise<Answer>;
  /** Asks for a token of a ServiceAccount. */
  createToken(account: string, asking?: Asking): Promise<Answer>;
  /** Whether the user may do this in the hall's namespace; `resource` may be virtual, such as `halls/silence`. */
  mayDo(user: string, verb: string, resource: string): Promise<boolean>;
  /** Runs the real kubectl in the hall's namespace and returns what it prints. */
  kubectl(...args: readonly string[]): Promise<string>;
}

/** Kinds of Kubernetes that tests ask for by plain HTTP, too. */
const coreKinds: Readonly<Record<string, { readonly path: string; readonly plural: string }>> = {
  Secret: { path: '/api/v1', plural: 'secrets' },
  ServiceAccount: { path: '/api/v1', plural: 'serviceaccounts' },
  Role: { path: '/apis/rbac.authorization.k8s.io/v1', plural: 'roles' },
  EndpointSlice: { path: '/apis/discovery.k8s.io/v1', plural: 'endpointslices' },
  RoleBinding: { path: '/apis/rbac.authorization.k8s.io/v1', plural: 'rolebindings' },
};

const askMaxMs = 60_000;
const servedMaxMs = 60_000;

export async function startApiServer(options: ControlPlaneOptions = {}): Promise<ApiServer> {
  const controlPlane = await startControlPlane(options);
  const agent = new Agent({ connect: { ca: controlPlane.ca } });
  const close = async (): Promise<void> => {
    await agent.destroy();
    await controlPlane.stop();
  };
  try {
    const server = await installed(controlPlane, agent, close);
    await server.kubectl('create', 'namespace', namespace);
    return server;
  } catch (error) {
    await close();
    throw error;
  }
}

async function installed(controlPlane: ControlPlane, agent: Agent, close: () => Promise<void>): Promise<ApiServer> {
  const crds = await readCrds(repositoryRoot);
  const kubeconfig = await controlPlane.kubeconfigFile();
  const kubectl = (...args: readonly string[]): Promise<string> =>
    runTool(controlPlaneProgram('kubectl'), ['--kubeconfig', kubeconfig, '--namespace', namespace, ...args], {});
  await kubectl('apply', '--server-side', '-f', join(repositoryRoot, 'crds'));
  await kubectl('wait', '--for=condition=Established', '--timeout=60s', 'crd', '--all');
  await kubectl('apply', '--server-side', '-f', join(repositoryRoot, 'policies'));

  const ask = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, asking: Asking = {}, body?: unknown): Promise<Answer> => {
    const query = method === 'GET' ? '' : `?fieldValidation=Strict${asking.dryRun === true ? '&dryRun=All' : ''}`;
    const response = await request(`${controlPlane.url}${path}${query}`, {
      method,
      dispatcher: agent,
      headers: { authorization: `Bearer ${controlPlane.token(asking.as ?? 'admin')}`, 'content-type': 'application/json' },
      headersTimeout: askMaxMs,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const answered = (await response.body.json()) as Record<string, unknown>;
    const message = response.statusCode >= 400 ? String(answered['message']) : '';
    return { code: response.statusCode, message, body: answered };
  };
  const pathOf = (kind: string, name?: string): string => {
    const crd = crds.find((candidate) => candidate.kind === kind);
    const type = crd === undefined ? coreKinds[kind] : { path: `/apis/${crd.group}/${crd.version}`, plural: crd.plural };
    if (type === undefined) throw new Error(`${kind} is no kind that is asked for here`);
    return `${type.path}/namespaces/${namespace}/${type.plural}${name === undefined ? '' : `/${name}`}`;
  };
  const put = async (manifest: Manifest, subresource: string, asking?: Asking): Promise<Answer> => {
    const path = pathOf(manifest.kind, manifest.metadata.name);
    const known = await ask('GET', path);
    const { resourceVersion } = (known.body['metadata'] ?? {}) as { readonly resourceVersion?: string };
    return ask('PUT', `${path}${subresource}`, asking, { ...manifest, metadata: { ...manifest.metadata, resourceVersion } });
  };
  // The apiserver answers 404 for a moment after a definition is established.
  for (const { kind } of crds) {
    await eventually(`objects of kind ${kind} are served`, async () => (await ask('GET', pathOf(kind))).code === 200, {
      maxMs: servedMaxMs,
    });
  }
  return {
    controlPlane,
    crds,
    create: (manifest, asking) => ask('POST', pathOf(manifest.kind), asking, manifest),
    update: (manifest, asking) => put(manifest, '', asking),
    updateStatus: (manifest, asking) => put(manifest, '/status', asking),
    read: (kind, name) => ask('GET', pathOf(kind, name)),
    remove: (kind, name, asking) => ask('DELETE', pathOf(kind, name), asking),
    createToken: (account, asking) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
      return ask('POST', `${pathOf('ServiceAccount', account)}/token`, asking, body);
    },
    mayDo: async (user, verb, resource) => {
      const [name, subresource] = resource.split('/');
      const resourceAttributes = { namespace, verb, group: 'hallkeeper.dev', resource: name, subresource };
      const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { user, resourceAttributes } };
      const answer = await ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {}, review);
      return (answer.body['status'] as { readonly allowed: boolean }).allowed;
    },
    kubectl,
    [Symbol.asyncDispose]: close,
  };
}
