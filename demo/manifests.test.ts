import { expect, test } from 'vitest';
import { fitManifests, readManifests } from './manifests.ts';
import type { Places } from './places.ts';

const places: Places = {
  servers: '10.7.8.2',
  members: { a: '10.7.8.11', b: '10.7.8.12' },
  mayHaveService: true,
  postgresPort: 12_001,
  hallPort: 12_002,
  hallMetricsPort: 12_003,
  adminPort: 12_004,
  memberMetricsPort: 12_005,
  operatorPort: 12_006,
  exporterPort: 12_007,
};
const dns = { address: '10.7.8.2', port: 12_053 };

test('only addresses and ports of the manifests change', async () => {
  const manifests = await readManifests();
  const { pair, hall } = fitManifests(manifests, places, dns);
  const restored = {
    ...pair,
    metadata: manifests.pair.metadata,
    spec: {
      ...pair.spec,
      members: pair.spec.members.map((member, index) => ({ ...member, host: manifests.pair.spec.members[index]?.host })),
      postgresql: { ...pair.spec.postgresql, port: 5432 },
      hallServer: manifests.pair.spec.hallServer,
      dns: { ...pair.spec.dns, servers: manifests.pair.spec.dns?.servers },
      service: manifests.pair.spec.service,
    },
  };
  expect(restored).toEqual(manifests.pair);
  expect(hall.spec).toEqual(manifests.hall.spec);
});

test('members, DNS server and Service get the addresses and ports of this run', async () => {
  const { pair } = fitManifests(await readManifests(), places, dns);
  expect(pair.spec.members.map(({ host }) => host?.address)).toEqual(['10.7.8.11', '10.7.8.12']);
  expect(pair.spec.dns?.servers).toEqual([dns]);
  expect(pair.spec.service?.ports).toEqual([
    { name: 'postgresql', port: 5_432, targetPort: 12_001 },
    { name: 'hall', port: 7_443, targetPort: 12_002 },
  ]);
});

test('without addresses outside 127/8 there is no Service', async () => {
  const { pair } = fitManifests(await readManifests(), { ...places, mayHaveService: false }, dns);
  expect(pair.spec.service).toBeUndefined();
});

test('the one terminal becomes forty, each with its own name, serial number and seat', async () => {
  const manifests = await readManifests();
  const { terminals } = fitManifests(manifests, places, dns);
  expect(terminals).toHaveLength(40);
  expect(terminals[0]?.spec).toEqual(manifests.terminal.spec);
  expect(terminals[39]?.metadata.name).toBe('t-040');
  expect(new Set(terminals.map(({ spec }) => spec.serialNumber)).size).toBe(40);
  expect(new Set(terminals.map(({ spec }) => spec.position?.seat)).size).toBe(40);
});
