import { expect, test } from 'vitest';
import { defineResource } from './objects.ts';
import { resourceUrl } from './url.ts';
import type { QueryValue, ResourcePath } from './url.ts';

const core = defineResource({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true });
const custom = defineResource({ apiVersion: 'hall.example/v1', kind: 'Hall', plural: 'halls', namespaced: true });
const roles = defineResource({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
});

const rows = [
  ['a core object', core, { namespace: 'a', name: 'b' }, {}, '/api/v1/namespaces/a/pods/b'],
  ['a collection of one namespace', core, { namespace: 'a' }, {}, '/api/v1/namespaces/a/pods'],
  ['a collection of all namespaces', core, {}, {}, '/api/v1/pods'],
  ['an object of a group', custom, { namespace: 'a', name: 'b' }, {}, '/apis/hall.example/v1/namespaces/a/halls/b'],
  ['a subresource', custom, { namespace: 'a', name: 'b', subresource: 'status' }, {}, '/apis/hall.example/v1/namespaces/a/halls/b/status'],
  [
    'a name with capitals and colons stays as it is',
    roles,
    { name: 'system:MyRole' },
    {},
    '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3AMyRole',
  ],
  ['a name cannot leave its place', core, { namespace: 'a', name: '../b?c' }, {}, '/api/v1/namespaces/a/pods/..%2Fb%3Fc'],
  ['a query, without what is undefined', core, {}, { watch: true, limit: 5, continue: undefined }, '/api/v1/pods?watch=true&limit=5'],
  ['a selector', core, {}, { labelSelector: 'a in (b,c)' }, '/api/v1/pods?labelSelector=a+in+%28b%2Cc%29'],
] as const satisfies readonly (readonly [string, unknown, ResourcePath, Record<string, QueryValue>, string])[];

for (const [behaviour, type, path, query, url] of rows) test(behaviour, () => expect(resourceUrl(type, path, query)).toBe(url));

test('a path that would name something else is a bug of ours', () => {
  expect(() => resourceUrl(roles, { namespace: 'a', name: 'b' })).toThrow('are not namespaced');
  expect(() => resourceUrl(core, { name: 'b' })).toThrow('named with its namespace');
});

for (const name of ['', '.', '..']) {
  test(`the name '${name}' is refused, whoever wrote it`, () => {
    expect(() => resourceUrl(core, { namespace: 'a', name })).toThrow(expect.objectContaining({ code: 'HK_KUBE_NAME' }) as Error);
    expect(() => resourceUrl(core, { namespace: name })).toThrow(expect.objectContaining({ code: 'HK_KUBE_NAME' }) as Error);
  });
}
