import { expect, test } from 'vitest';
import { parseOperatorSettings } from './settings.ts';

test('without any setting the operator looks after all namespaces of the cluster that it runs in', () => {
  expect(parseOperatorSettings({})).toEqual({
    kubeconfig: undefined,
    namespaces: [],
    trustDomain: 'hallkeeper.dev',
    http: { address: '127.0.0.1', port: 9_443 },
    namespace: 'hallkeeper-system',
    lease: { name: 'hallkeeper-operator', times: { durationMs: 15_000, renewMaxMs: 10_000, retryEveryMs: 2_000 } },
    notify: undefined,
  });
});

const refused = [
  { behaviour: 'an unknown field', raw: { colour: 'red' }, says: 'colour is not a known setting' },
  {
    behaviour: 'a kubeconfig whose folder depends on who starts us',
    raw: { kubeconfig: 'kube/config' },
    says: 'kubeconfig must be an absolute path',
  },
  { behaviour: 'a namespace named twice', raw: { namespaces: ['x', 'y', 'x'] }, says: 'namespaces names x twice' },
  { behaviour: 'a name that no namespace can have', raw: { namespaces: ['X_'] }, says: 'namespaces[0] must be a name' },
  {
    behaviour: 'a lease that is renewed after it ended',
    raw: { lease: { duration: '5s', renewDeadline: '5s' } },
    says: 'lease.renewDeadline must be shorter than duration',
  },
  {
    behaviour: 'a lease that leaves no second try',
    raw: { lease: { retryPeriod: '5s' } },
    says: 'lease.retryPeriod must be less than half of renewDeadline',
  },
  { behaviour: 'a lease of broken seconds', raw: { lease: { duration: '15500ms' } }, says: 'lease.duration must be whole seconds' },
  { behaviour: 'settings that are no mapping', raw: 'x', says: 'the settings must be a mapping' },
] as const;

for (const { behaviour, raw, says } of refused) {
  test(`${behaviour} is refused`, () => expect(() => parseOperatorSettings(raw)).toThrow(says));
}

test('every problem is named at once', () => {
  const bad = { kubeconfig: 'x', http: { port: -1 }, trustDomain: '!', namespace: 'A' };
  for (const field of ['kubeconfig', 'http.port', 'trustDomain', 'namespace']) {
    expect(() => parseOperatorSettings(bad)).toThrow(` ${field} must be`);
  }
});
