import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../cluster/eventually.ts';
import { sliceName, startPairStand } from './pair-stand.ts';
import type { PairStand } from './pair-stand.ts';
import { inStep, other, takenOverBy, waits } from './watch-pair.ts';

/** A pair with a Service, and no operator: whoever is led anywhere is led there by the members. */
let stand: PairStand;

beforeAll(async () => {
  stand = await startPairStand({ service: true, faultyDns: true });
}, 180_000);

afterAll(async () => {
  await stand?.[Symbol.asyncDispose]();
}, 60_000);

interface Slice {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly endpoints: readonly { readonly addresses: readonly string[] }[];
}

async function leads(): Promise<readonly [string | undefined, string | undefined]> {
  const { endpoints, metadata } = (await stand.api.read('EndpointSlice', sliceName)).body as unknown as Slice;
  return [endpoints[0]?.addresses[0], metadata.annotations['hallkeeper.dev/epoch']];
}

const ledTo = (name: 'a' | 'b', epoch: number): Promise<unknown> =>
  eventually(
    `the Service leads to ${name} in epoch ${epoch}`,
    async () => JSON.stringify(await leads()) === JSON.stringify([stand.members[name].address, String(epoch)]),
    waits,
  );

test('the founder leads the Service to itself, and whoever takes over does, with a DNS server silent all the while', async () => {
  await Promise.all([stand.members.a.startAgent(), stand.members.b.startAgent()]);
  expect(await inStep(stand)).toEqual({ leader: 'a', epoch: 1 });
  await ledTo('a', 1);
  await stand.faultyDns?.set({ is: 'silent' });
  await stand.members.a.killPostgres();
  await takenOverBy(stand, 'b', 1);
  await ledTo('b', 2);
  await eventually(
    'the well DNS server has the name',
    async () => (await stand.bind.addressesOf('pair'))[0] === stand.members.b.address,
    waits,
  );
  const status = await eventually(
    'the take-over is told',
    async () => {
      const seen = await stand.status('b');
      return seen.failovers[0]?.epoch === 2 ? seen : undefined;
    },
    waits,
  );
  expect(status.service).toMatchObject({ slice: sliceName, ok: true });
  expect(status.failovers[0]?.phasesMs.route).toBeGreaterThanOrEqual(0);
  const sick = await eventually('the silent server is told of', async () => (await stand.status('b')).dns.find(({ ok }) => !ok), waits);
  expect(sick.why).toContain('failed: the DNS server did not answer');
  expect(await stand.metrics('b')).toMatch(/hallkeeper_pair_service_updates_total\{[^}]*outcome="applied"\} 1\n/);
  await stand.faultyDns?.set({ is: 'none' });
  await eventually('the silent server has the name', async () => (await stand.status('b')).dns.every(({ ok }) => ok), waits);
});

test('a member that comes back neither leads nor writes', async () => {
  const { leader, epoch } = await inStep(stand);
  await ledTo(leader, epoch);
  await stand.members[leader].killMember();
  await takenOverBy(stand, other(leader), epoch);
  await stand.members[leader].startAgent();
  expect(await inStep(stand)).toEqual({ leader: other(leader), epoch: epoch + 1 });
  expect(await leads()).toEqual([stand.members[other(leader)].address, String(epoch + 1)]);
});

test('a slice in which a member is not entered is given up soon, and the phase is told with the name alone', async () => {
  const { leader, epoch } = await inStep(stand);
  await stand.api.kubectl('annotate', '--overwrite', 'endpointslice', sliceName, 'hallkeeper.dev/members=nobody=10.0.0.1');
  await stand.switchover(leader, 'without-service');
  await takenOverBy(stand, other(leader), epoch);
  const report = await eventually(
    'the take-over is told',
    async () => {
      const [first] = (await stand.status(other(leader))).failovers;
      return first?.epoch === epoch + 1 ? first : undefined;
    },
    waits,
  );
  expect(report.phasesMs).toHaveProperty('route');
  const { service } = await stand.status(other(leader));
  expect(service?.ok).toBe(false);
  expect(service?.why).toContain('refused: ');
  expect(await leads()).toEqual([stand.members[leader].address, String(epoch)]);
});
