import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../cluster/eventually.ts';
import { readPolicies } from '../../scripts/generate/crd.ts';
import { namespace, repositoryRoot, startApiServer } from './api-server.ts';
import type { Answer, ApiServer, Asking, Manifest } from './api-server.ts';
import { aDrillSchedule, aHall, aPair, aPairOperation, aPairRecord, aTerminal } from './builders.ts';
import { changed } from './rule-example.ts';
import type { Changes } from './rule-example.ts';
import type { PolicyExample } from './policy-example.ts';
import { sliceExamples, slices } from './examples-slice.ts';

const memberA = `system:serviceaccount:${namespace}:hallkeeper-pair-7-a`;
const memberB = `system:serviceaccount:${namespace}:hallkeeper-pair-7-b`;
const stranger = `system:serviceaccount:${namespace}:hallkeeper-pair-8-a`;
const program = 'system:serviceaccount:hallkeeper:hallkeeper-operator';
/** The operator of somebody who has installed it in the hall's own namespace. */
const localProgram = `system:serviceaccount:${namespace}:hallkeeper-operator`;
/** Has the operator's rights and is not the operator: what binds that one does not concern him. */
const bystander = 'system:serviceaccount:hallkeeper:other-operator';
const people = { olga: 'hallkeeper-hall-operator', tom: 'hallkeeper-hall-technician', ada: 'hallkeeper-hall-administrator' } as const;

const deadlines = { maxMs: 60_000 };
const group = 'hallkeeper.dev';

/** What the users of this test may do by RBAC; what remains, the policies decide. */
const rights = [
  ...Object.entries(people).map(([user, role]) => binding(user, 'ClusterRole', role)),
  role('member', [
    { apiGroups: [group], resources: ['pairrecords'], verbs: ['get', 'update'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'update'] },
  ]),
  ...[memberA, memberB, stranger].map((user) => binding(user, 'Role', 'member')),
  role('program', [
    { apiGroups: [group], resources: ['pairrecords'], verbs: ['get', 'create', 'update', 'delete'] },
    { apiGroups: [group], resources: ['pairrecords/initial'], verbs: ['create'] },
    { apiGroups: [group], resources: ['pairrecords/retire'], verbs: ['update'] },
    ...['serviceaccounts', 'serviceaccounts/token', 'secrets'].map((resource) => ({
      apiGroups: [''],
      resources: [resource],
      verbs: ['*'],
    })),
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['*'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['*'] },
  ]),
  ...[program, localProgram, bystander].map((user) => binding(user, 'Role', 'program')),
];

function role(name: string, rules: readonly object[]): object {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name, namespace }, rules };
}

function binding(user: string, kind: string, name: string): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: `${name}-${user.replaceAll(':', '-')}`, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  };
}

const pair = aPair();
const servingPair = { ...aPair({ name: 'pair-8' }), status: { usedBy: ['hall-7', 'hall-8'] } };
const record = aPairRecord({ spec: { writers: [memberA, memberB] } });
const led: Changes = { 'spec.mode': 'Solo', 'spec.primary': 'a', 'spec.epoch': 1, 'spec.sequence': 1 };
const account = (name: string): Manifest => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });
const roleOf = (name: string): Manifest => role(name, []) as Manifest;
const bindingOf = (name: string): Manifest => ({ ...(binding('olga', 'Role', 'nothing') as Manifest), metadata: { name } });
const secret = (name: string): Manifest => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name } });
const handedOver: Changes = { 'metadata.labels': { 'app.kubernetes.io/managed-by': 'hallkeeper' } };
const tokenSecret: Changes = {
  type: 'kubernetes.io/service-account-token',
  'metadata.annotations': { 'kubernetes.io/service-account.name': 'default' },
};
const terminal = aTerminal({ labels: { zone: 'north' }, spec: { position: { zone: 'north' } } });

let server: ApiServer;
beforeAll(async () => {
  const users = [...Object.keys(people), memberA, memberB, stranger, program, localProgram, bystander].map((name) => ({ name }));
  server = await startApiServer({ users, controllerManager: true });
  const file = join(server.controlPlane.directory, 'rights.json');
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rights }));
  await server.kubectl('apply', '-f', file);
  const there = [
    pair,
    servingPair,
    record,
    terminal,
    ...['hallkeeper-operator', 'hallkeeper-pair-7-a', 'somebody'].map(account),
    ...['hallkeeper-pair-7-a', 'theirs'].flatMap((name) => [roleOf(name), bindingOf(name), secret(name)]),
    changed(secret('alertmanager'), handedOver),
    ...slices,
  ];
  for (const manifest of there) expect((await server.create(manifest)).message).toBe('');
  expect((await server.updateStatus(servingPair)).message).toBe('');
  await policiesAreInForce();
});
afterAll(async () => server[Symbol.asyncDispose]());

/** A policy acts some hundred milliseconds after it was stored. */
async function policiesAreInForce(): Promise<void> {
  const dryRun = true;
  const refused: readonly (readonly [string, () => Promise<Answer>])[] = [
    ['failoverpair-deletion', () => server.remove('FailoverPair', 'pair-8', { dryRun })],
    ['pairrecord', () => server.remove('PairRecord', 'pair-7', { dryRun })],
    ['endpointslice', () => server.update(slices[0], { as: stranger, dryRun })],
    ['operator-accounts', () => server.createToken('somebody', { as: program, dryRun })],
    ['operator-secrets', () => server.remove('Secret', 'theirs', { as: program, dryRun })],
    ['terminal-suspend', () => server.update(changed(terminal, { 'spec.model': 'x' }), { as: 'olga', dryRun })],
  ];
  for (const [policy, ask] of refused) {
    await eventually(`the policy ${policy} is in force`, async () => (await ask()).message.includes(policy), deadlines);
  }
}

const hasOwner = { 'metadata.ownerReferences': [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: '0' }] };

const update =
  (manifest: Manifest, changes: Changes) =>
  (asking: Asking): Promise<Answer> =>
    server.update(changed(manifest, changes), asking);
const create =
  (manifest: Manifest, changes: Changes = {}) =>
  (asking: Asking): Promise<Answer> =>
    server.create(changed(manifest, { 'metadata.name': 'pair-9', ...changes }), asking);

/** A change of an object that is there; without any it is written as it stands. */
const rewrite =
  (manifest: Manifest, changes: Changes = {}) =>
  (asking: Asking): Promise<Answer> =>
    server.update(changed(manifest, changes), asking);
const make =
  (manifest: Manifest, changes: Changes = {}) =>
  (asking: Asking): Promise<Answer> =>
    server.create(changed(manifest, changes), asking);
const drop =
  (kind: string, name: string) =>
  (asking: Asking): Promise<Answer> =>
    server.remove(kind, name, asking);
const token =
  (name: string) =>
  (asking: Asking): Promise<Answer> =>
    server.createToken(name, asking);
const tokenRule = { policy: 'hallkeeper-operator-accounts', rule: "the operator gets tokens of the members' ServiceAccounts" } as const;
const accountRule = {
  policy: 'hallkeeper-operator-accounts',
  rule: 'the operator writes ServiceAccounts, Roles and RoleBindings',
} as const;
const secretRule = { policy: 'hallkeeper-operator-secrets', rule: 'the operator writes Secrets whose names begin with' } as const;
const tokenSecretRule = { policy: 'hallkeeper-operator-secrets', rule: 'the operator makes no Secret that Kubernetes fills' } as const;

/** What the operator may do is told by names; whoever is not the operator is not concerned. */
const operatorExamples: readonly PolicyExample[] = [
  {
    ...tokenRule,
    behaviour: 'the operator gets a token of a member, not of anybody else',
    accepted: token('hallkeeper-pair-7-a'),
    acceptedFor: [program, localProgram, 'admin'],
    refused: token('somebody'),
    refusedFor: [program, localProgram],
  },
  {
    ...tokenRule,
    behaviour: 'the operator gets no token of its own, which would outlive the one that somebody took from it',
    accepted: token('hallkeeper-operator'),
    acceptedFor: ['admin', bystander],
    refused: token('hallkeeper-operator'),
    refusedFor: [localProgram],
  },
  ...([account, roleOf, bindingOf] as const).flatMap((of): readonly PolicyExample[] => {
    const { kind } = of('x');
    return [
      {
        ...accountRule,
        behaviour: `the operator makes a ${kind} for a member, not for others`,
        accepted: make(of('hallkeeper-pair-9-a')),
        acceptedFor: [program],
        refused: make(of('other')),
        refusedFor: [program, localProgram],
      },
      {
        ...accountRule,
        behaviour: `the operator removes a member's ${kind}, not that of others`,
        accepted: drop(kind, 'hallkeeper-pair-7-a'),
        acceptedFor: [program],
        refused: drop(kind, kind === 'ServiceAccount' ? 'somebody' : 'theirs'),
        refusedFor: [program],
      },
    ];
  }),
  {
    ...accountRule,
    behaviour: 'whoever is not the operator is not concerned',
    accepted: drop('Role', 'theirs'),
    acceptedFor: [bystander, 'admin'],
    refused: rewrite(roleOf('theirs'), { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }),
    refusedFor: [localProgram],
  },
  {
    ...secretRule,
    behaviour: 'the operator makes its Secrets, not others',
    accepted: make(secret('hallkeeper-pair-9-a')),
    acceptedFor: [program],
    refused: make(secret('other'), handedOver),
    refusedFor: [program],
  },
  {
    ...secretRule,
    behaviour: 'the operator changes its Secrets, not others, and takes none over',
    accepted: rewrite(secret('hallkeeper-pair-7-a'), { data: { a: 'Yg==' } }),
    acceptedFor: [program, localProgram],
    refused: rewrite(secret('theirs'), { ...handedOver, data: { a: 'Yg==' } }),
    refusedFor: [program, localProgram],
  },
  {
    ...secretRule,
    behaviour: 'the operator changes a Secret of any name that was handed over to it, and does not delete it',
    accepted: rewrite(secret('alertmanager'), { ...handedOver, data: { a: 'Yg==' } }),
    acceptedFor: [program, localProgram],
    refused: drop('Secret', 'alertmanager'),
    refusedFor: [program, localProgram],
  },
  {
    ...secretRule,
    behaviour: 'in its own namespace the operator makes Secrets of any name, and changes no others for that',
    accepted: make(secret('alertmanager-main'), handedOver),
    acceptedFor: [localProgram],
    refused: rewrite(secret('theirs'), { data: { a: 'Yg==' } }),
    refusedFor: [localProgram],
  },
  {
    ...secretRule,
    behaviour: 'whoever is not the operator writes any Secret',
    accepted: rewrite(secret('theirs'), { data: { a: 'Yg==' } }),
    acceptedFor: [bystander, 'admin'],
    refused: drop('Secret', 'theirs'),
    refusedFor: [program],
  },
  {
    ...tokenSecretRule,
    behaviour: 'the operator does not get a token by way of a Secret',
    accepted: make(secret('hallkeeper-pair-9-a'), tokenSecret),
    acceptedFor: [bystander],
    refused: make(secret('hallkeeper-pair-9-a'), tokenSecret),
    refusedFor: [program, localProgram],
  },
  {
    ...tokenSecretRule,
    behaviour: 'the operator lets nobody join the cluster',
    accepted: make(secret('hallkeeper-pair-9-a'), { type: 'Opaque' }),
    acceptedFor: [program],
    refused: make(secret('hallkeeper-pair-9-a'), { type: 'bootstrap.kubernetes.io/token' }),
    refusedFor: [program],
  },
];

const examples: readonly PolicyExample[] = [
  ...operatorExamples,
  ...sliceExamples({ rewrite, users: { memberA, memberB, stranger, program } }),
  {
    policy: 'hallkeeper-failoverpair-deletion',
    rule: 'the pair still serves',
    behaviour: 'a pair is deleted only when no Hall uses it',
    accepted: (asking) => server.remove('FailoverPair', 'pair-7', asking),
    acceptedFor: ['admin', 'ada'],
    refused: (asking) => server.remove('FailoverPair', 'pair-8', asking),
    refusedFor: ['admin', 'ada'],
    says: 'the pair still serves the Hall hall-7, hall-8; delete the Hall, or point its failoverPairRef to another pair, and try again',
  },
  {
    policy: 'hallkeeper-pairrecord',
    rule: 'a PairRecord is created by the operator in mode New',
    behaviour: 'the operator creates a record that was never led',
    accepted: create(record),
    acceptedFor: [program, 'ada', 'admin'],
    refused: create(record, led),
    refusedFor: [program],
  },
  {
    policy: 'hallkeeper-pairrecord',
    rule: 'a PairRecord is created by the operator in mode New',
    behaviour: 'an administrator writes a lost record anew',
    accepted: create(record, led),
    acceptedFor: ['ada', 'admin'],
    refused: create(record, led),
    refusedFor: [program],
  },
  {
    policy: 'hallkeeper-pairrecord',
    rule: 'a PairRecord has no owner',
    behaviour: 'nobody gives a record an owner',
    accepted: create(record),
    acceptedFor: ['admin'],
    refused: create(record, hasOwner),
    refusedFor: ['admin', program],
  },
  {
    policy: 'hallkeeper-pairrecord',
    rule: 'only the two members named in spec.writers',
    behaviour: 'the two members and an adopting administrator change the record, and nobody else',
    accepted: update(record, led),
    acceptedFor: [memberA, memberB, 'ada', 'admin'],
    refused: update(record, led),
    refusedFor: [stranger, program],
  },
  {
    policy: 'hallkeeper-pairrecord',
    rule: 'labels, annotations and finalizers of a PairRecord',
    behaviour: 'a member cannot retire the record',
    accepted: update(record, { 'metadata.annotations': { 'hallkeeper.dev/retired': 'x' } }),
    acceptedFor: [program, 'ada', 'admin'],
    refused: update(record, { 'metadata.annotations': { 'hallkeeper.dev/retired': 'x' } }),
    refusedFor: [memberA, stranger],
  },
  ...[{ 'metadata.labels': { a: 'b' } }, { 'metadata.finalizers': ['example.org/x'] }].map((changes) => ({
    policy: 'hallkeeper-pairrecord',
    rule: 'labels, annotations and finalizers of a PairRecord',
    behaviour: `a member cannot set ${Object.keys(changes).join()}`,
    accepted: update(record, changes),
    acceptedFor: [program],
    refused: update(record, changes),
    refusedFor: [memberA],
  })),
  {
    policy: 'hallkeeper-terminal-suspend',
    rule: 'you may change spec.suspend of a Terminal and nothing else',
    behaviour: 'hall staff suspends a terminal',
    accepted: update(terminal, { 'spec.suspend': { reason: 'door repair' } }),
    acceptedFor: ['olga', 'tom', 'ada'],
    refused: update(terminal, { 'spec.suspend': { reason: 'door repair' }, 'spec.model': 'x' }),
    refusedFor: ['olga'],
  },
  ...[
    { 'spec.position.zone': 'south' },
    { 'spec.contentRef': { name: 'spring' } },
    { 'spec.devices': [{ name: 'bills', kind: 'BillAcceptor' }] },
    { 'spec.heartbeat': { offlineAfter: '10s' } },
  ].map((changes) => ({
    policy: 'hallkeeper-terminal-suspend',
    rule: 'you may change spec.suspend of a Terminal and nothing else',
    behaviour: `a technician sets ${Object.keys(changes).join()}, hall staff does not`,
    accepted: update(terminal, changes),
    acceptedFor: ['tom', 'ada'],
    refused: update(terminal, changes),
    refusedFor: ['olga'],
  })),
  ...[{ 'metadata.labels': { zone: 'south' } }, { 'metadata.finalizers': ['example.org/x'] }, hasOwner].map((changes) => ({
    policy: 'hallkeeper-terminal-suspend',
    rule: 'you may not change labels, finalizers or owners',
    behaviour: `a technician sets ${Object.keys(changes).join()}, hall staff does not`,
    accepted: update(terminal, changes),
    acceptedFor: ['ada', ...('metadata.ownerReferences' in changes ? [] : ['tom'])],
    refused: update(terminal, changes),
    refusedFor: ['olga'],
  })),
];

for (const { policy, rule, behaviour, accepted, acceptedFor, refused, refusedFor, says } of examples) {
  describe(`${policy}: ${behaviour}`, () => {
    test.each(acceptedFor)('%s may', async (as) => {
      expect((await accepted({ as, dryRun: true })).message).toBe('');
    });
    test.each(refusedFor)('%s may not, and is told what to do', async (as) => {
      const answer = await refused({ as, dryRun: true });
      expect(answer.message).toContain(`ValidatingAdmissionPolicy '${policy}'`);
      expect(answer.message).toContain(says ?? rule);
      expect([403, 422]).toContain(answer.code);
    });
  });
}

test('a record is deleted only after it was retired by its own UID', async () => {
  const named = changed(record, { 'metadata.name': 'pair-10' });
  const { body } = await server.create(named);
  const { uid } = body['metadata'] as { readonly uid: string };
  for (const as of ['admin', 'ada', program]) {
    const answer = await server.remove('PairRecord', 'pair-10', { as });
    expect(answer.message).toContain(`kubectl annotate pairrecord pair-10 hallkeeper.dev/retired=${uid}, and delete it again`);
  }
  await server.kubectl('annotate', 'pairrecord', 'pair-10', 'hallkeeper.dev/retired=another');
  expect((await server.remove('PairRecord', 'pair-10')).code).toBe(403);
  await server.kubectl('annotate', '--overwrite', 'pairrecord', 'pair-10', `hallkeeper.dev/retired=${uid}`);
  expect((await server.remove('PairRecord', 'pair-10', { as: program })).message).toBe('');
  expect((await server.read('PairRecord', 'pair-10')).code).toBe(404);
});

test('every rule of every policy has an example', async () => {
  const policies = await readPolicies(repositoryRoot);
  const missing = policies.flatMap(({ name, messages }) =>
    messages.filter((message) => !examples.some(({ policy, rule }) => policy === name && message.startsWith(rule))),
  );
  // Tried above in a test of its own, because it takes several steps.
  expect(missing).toEqual([expect.stringMatching(/^the members of a pair rest on this record/)]);
});

test('the API server finds nothing to warn about in the policies', async () => {
  const checked = await eventually(
    'the policies are type-checked',
    async () => {
      const { items } = JSON.parse(await server.kubectl('get', 'validatingadmissionpolicies', '-o', 'json')) as {
        readonly items: readonly { readonly status?: { readonly typeChecking?: { readonly expressionWarnings?: readonly unknown[] } } }[];
      };
      return items.every(({ status }) => status?.typeChecking !== undefined) ? items : undefined;
    },
    deadlines,
  );
  expect(checked.flatMap(({ status }) => status?.typeChecking?.expressionWarnings ?? [])).toEqual([]);
});

describe('roles', () => {
  const can = (...users: readonly string[]): readonly string[] => users;
  const everybody = can('olga', 'tom', 'ada');
  const matrix: readonly (readonly [string, string, readonly string[]])[] = [
    ...['halls', 'terminals', 'failoverpairs', 'pairoperations', 'pairrecords'].map((resource) => ['list', resource, everybody] as const),
    ['update', 'terminals', everybody],
    ['create', 'halls/silence', everybody],
    ['update', 'terminals/spec', can('tom', 'ada')],
    ['create', 'pairoperations', can('tom', 'ada')],
    ['create', 'halls/silence-unlimited', can('ada')],
    ['create', 'halls', can('ada')],
    ['update', 'halls', can('ada')],
    ['delete', 'failoverpairs', can('ada')],
    ['create', 'terminals', can('ada')],
    ['update', 'pairrecords/adopt', can('ada')],
    ['update', 'halls/status', can()],
    ['update', 'terminals/status', can()],
    ['create', 'pairrecords/initial', can()],
  ];
  test.each(matrix)('%s %s: %j', async (verb, resource, allowed) => {
    const answers = await Promise.all(everybody.map((user) => server.mayDo(user, verb, resource)));
    expect(everybody.filter((_, index) => answers[index])).toEqual(allowed);
  });

  test('a technician switches a pair over and hall staff does not', async () => {
    const dryRun = true;
    expect((await server.create(aPairOperation(), { as: 'tom', dryRun })).message).toBe('');
    expect((await server.create(aPairOperation(), { as: 'olga', dryRun })).code).toBe(403);
    expect((await server.create(aHall(), { as: 'tom', dryRun })).code).toBe(403);
  });

  test('a technician schedules drills and hall staff does not', async () => {
    const dryRun = true;
    expect((await server.create(aDrillSchedule(), { as: 'tom', dryRun })).message).toBe('');
    expect((await server.create(aDrillSchedule(), { as: 'olga', dryRun })).code).toBe(403);
  });
});

describe('deletion of what stands around a pair', () => {
  test('a pair deleted in the foreground leaves its record', async () => {
    await server.kubectl('delete', 'failoverpair', 'pair-7', '--cascade=foreground', '--timeout=60s');
    expect((await server.read('FailoverPair', 'pair-7')).code).toBe(404);
    expect((await server.read('PairRecord', 'pair-7')).code).toBe(200);
  });

  test('a deleted namespace waits for the record to be retired, and says so', async () => {
    await server.kubectl('delete', 'namespace', namespace, '--wait=false');
    const status = await eventually(
      'the namespace says what it waits for',
      async () => {
        const text = await server.kubectl('get', 'namespace', namespace, '-o', 'jsonpath={.status.conditions}');
        return text.includes('hallkeeper.dev/retired') ? text : undefined;
      },
      deadlines,
    );
    expect(status).toContain('the pair still serves the Hall hall-7, hall-8');
    const known = await server.read('PairRecord', 'pair-7');
    expect(known.code).toBe(200);
    const { uid } = known.body['metadata'] as { readonly uid: string };
    await server.kubectl('annotate', 'pairrecord', 'pair-7', `hallkeeper.dev/retired=${uid}`);
    expect((await server.updateStatus({ ...servingPair, status: { usedBy: [] } } as Manifest)).message).toBe('');
    await server.kubectl('wait', '--for=delete', `namespace/${namespace}`, '--timeout=50s');
  });
});
