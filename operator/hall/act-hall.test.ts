import { expect, test } from 'vitest';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { operatorErrors } from '../errors.ts';
import { hallLabel, managedBy, managedByLabel } from '../labels.ts';
import type { KubeSecret } from '../resources.ts';
import { encodeData } from '../secret-data.ts';
import { FilledCaches } from '../testing/stores.ts';
import { serveHall, tracesOf } from './act-hall.ts';
import type { ServePorts } from './act-hall.ts';
import { storedHall, storedPair } from './testing/objects.ts';

const signal = new AbortController().signal;
const [hall, pair] = [storedHall(), storedPair()];
const signed = (name: string, data: Readonly<Record<string, string>> = { 'tls.crt': name }): KubeSecret => ({
  metadata: { namespace: 'hall-7', name, labels: { [managedByLabel]: managedBy, [hallLabel]: 'hall-7' } },
  data: encodeData(data),
});

function portsOf(filled: FilledCaches, created: string[]): ServePorts {
  return {
    client: {
      find: () => Promise.resolve(undefined),
      create: (_type: unknown, object: KubeSecret) => Promise.resolve(void created.push(object.metadata.name)).then(() => object),
    },
    clock: new SimulatedClock(),
    caches: filled.caches,
    trustDomain: 'hallkeeper.dev',
    certificates: { forPair: () => Promise.reject(operatorErrors.HK_AUTHORITY_UNREADABLE('torn')) },
    links: { get: () => undefined },
  } as unknown as ServePorts;
}

test('a pair whose authority cannot be read is a pair that is not ready, and the hall gets what it can', async () => {
  const created: string[] = [];
  const served = await serveHall(hall, pair, portsOf(new FilledCaches(), created), signal);
  expect(served).toEqual({ pairIsReady: false, secretProblem: undefined, link: undefined, dueAtMs: undefined });
  expect(created).toEqual(['hallkeeper-hall-hall-7-ca']);
});

test('what a lost authority has signed keeps another from being made', async () => {
  const filled = new FilledCaches();
  const created: string[] = [];
  filled.secrets.see(signed('hallkeeper-terminal-t2'), signed('hallkeeper-hall-hall-7-exporter'), signed('other', { x: '' }));
  expect(tracesOf(hall, filled.caches)).toEqual({
    secrets: ['hallkeeper-hall-hall-7-exporter', 'hallkeeper-terminal-t2'],
    sample: 'hallkeeper-hall-hall-7-exporter',
  });
  const { secretProblem } = await serveHall(hall, pair, portsOf(filled, created), signal);
  expect(secretProblem).toMatchObject({ reason: 'AuthorityLost', message: expect.stringContaining('annotate hall hall-7') });
  expect(created).toEqual([]);
});
