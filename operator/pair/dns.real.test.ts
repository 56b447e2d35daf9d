import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { addRecord, deleteType, sendUpdate } from '#lib/dns/update.ts';
import { kubeEvents } from '#lib/kube/events.ts';
import { namespace } from '#test/api/api-server.ts';
import { startBind } from '#test/cluster/bind.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { startFaultyDns } from '#test/cluster/faulty-dns.ts';
import type { FaultyDns } from '#test/cluster/faulty-dns.ts';
import { startKnot } from '#test/cluster/knot.ts';
import type { NameServer } from '#test/cluster/name-server.ts';
import { failoverPairs, secrets } from '../resources.ts';
import { anySignal, patience, startOperatorCluster } from '../testing/cluster.ts';
import type { OperatorCluster, RunningOperator } from '../testing/cluster.ts';
import { conditionOf, createPair, isReady, membersAt, writeRecord } from '../testing/pairs.ts';
import { quickPairRoom } from '../testing/quick-pair-room.ts';

/** The name of a pair on two real servers, with no member that would write it: what happens there, the operator did. */
let cluster: OperatorCluster;
let operator: RunningOperator;
let bind: NameServer;
let knot: NameServer;
/** Stands before Knot. */
let faulty: FaultyDns;
const signal = anySignal();
const zone = 'hall.test';
const keyNames = ['hallkeeper', 'other'] as const;

beforeAll(async () => {
  bind = await startBind({ zone, keyNames: [...keyNames] });
  knot = await startKnot({ zone, keyNames: [...keyNames] });
  faulty = await startFaultyDns({ bind: knot });
  cluster = await startOperatorCluster([quickPairRoom]);
  operator = await cluster.operator();
  for (const [name, server] of [
    ['of-bind', bind],
    ['of-knot', knot],
  ] as const) {
    await cluster.admin.create(secrets, { metadata: { namespace, name }, stringData: { key: server.key.secret } }, signal);
  }
}, 240_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await faulty?.stop();
  await bind?.stop();
  await knot?.stop();
  expect(operator?.fatal).toEqual([]);
});

interface NamedPair {
  readonly until: (reason: string) => Promise<FailoverPair>;
  /** The first epoch, or a failover to the other member. */
  readonly lead: (member: 'a' | 'b', epoch: number) => Promise<void>;
  readonly says: (pair: FailoverPair) => string;
}

async function aNamedPair(name: string, tsig: string, servers: readonly { address: string; port: number }[]): Promise<NamedPair> {
  const key = { namespace, name };
  const places = servers.map(({ address, port }) => ({ address, port }));
  const dns = { zone, name: `${name}.${zone}`, servers: places, tsigKeyName: 'hallkeeper', tsigSecretRef: { name: tsig, key: 'key' } };
  const number = name.length;
  const members = membersAt(`192.0.2.1${number}`, `192.0.2.2${number}`);
  await createPair(cluster, namespace, { name, spec: { members, dns, deletionPolicy: 'Delete' } });
  await cluster.until('the pair is ready', failoverPairs, key, isReady);
  return {
    until: (reason) =>
      cluster.until(`DNSInSync says ${reason}`, failoverPairs, key, (pair) => conditionOf(pair, 'DNSInSync')?.reason === reason),
    lead: async (member, epoch) => {
      const by = (author: 'a' | 'b') => ({ namespace, pair: name, member: author });
      if (epoch > 1) await writeRecord(cluster, by(member === 'a' ? 'b' : 'a'), { mode: 'Sync' });
      if (epoch > 1) await writeRecord(cluster, by(member), { mode: 'Claim', primary: member, epoch });
      await writeRecord(cluster, by(member), { mode: 'Solo', primary: member, epoch });
    },
    says: (pair) => conditionOf(pair, 'DNSInSync')?.message ?? '',
  };
}

/** Somebody's own change of the name, with the key of the server. */
async function byHand(server: NameServer, updates: Parameters<typeof sendUpdate>[1]['updates']): Promise<void> {
  const key = { name: server.key.name, secret: new Secret(server.key.secret) };
  const request = { zone, prerequisites: [], updates };
  const ports = { clock: systemClock, random: systemRandom };
  const place = { host: server.address, port: server.port };
  expect(await sendUpdate(place, request, key, ports, signal)).toEqual({ result: 'applied' });
}

const untilIt = (what: string, server: NameServer, name: string, address: string): Promise<unknown> =>
  eventually(what, async () => (await server.addressesOf(name)).join(' ') === address, patience);

const untilEvent = (reason: string, words: string): Promise<unknown> =>
  eventually(
    `an event says ${reason}`,
    async () => {
      const { items } = await cluster.admin.list(kubeEvents, { namespace }, signal);
      return items.some((event) => event.reason === reason && event.note.includes(words));
    },
    patience,
  );

test('of two servers one is silent: the other follows a failover, the condition names the one, and it is mended when it is back', async () => {
  // Both servers have the same key, as one pair has.
  const pair = await aNamedPair('two', 'of-knot', [{ address: faulty.address, port: faulty.port }, knot]);
  await pair.until('NotLedYet');
  await pair.lead('a', 1);
  await pair.until('InSync');
  expect(await knot.addressesOf('two')).toEqual(['192.0.2.13']);

  await faulty.set({ is: 'silent' });
  const silent = await pair.until('ServerUnreachable');
  expect(pair.says(silent)).toContain(`${faulty.address} port ${faulty.port}: `);
  expect(pair.says(silent)).not.toContain(String(knot.port));
  await untilEvent('ServerUnreachable', String(faulty.port));

  await pair.lead('b', 2);
  await untilIt('the server that is well follows', knot, 'two', '192.0.2.23');
  await pair.until('ServerUnreachable');
  await faulty.set({ is: 'servfail' });
  expect(pair.says(await pair.until('ServerFailing'))).toContain('SERVFAIL');
  await faulty.set({ is: 'none' });
  await pair.until('InSync');
  await untilEvent('InSync', 'every server');
}, 300_000);

test('a server that was down during a failover is brought up to date by the operator when nobody else does', async () => {
  const pair = await aNamedPair('late', 'of-bind', [bind]);
  await pair.lead('a', 1);
  await pair.until('InSync');
  await bind.halt();
  await pair.until('ServerUnreachable');
  await pair.lead('b', 2);
  await bind.start();
  expect(await bind.addressesOf('late')).toEqual(['192.0.2.14']);
  await untilIt('the name follows', bind, 'late', '192.0.2.24');
  await pair.until('InSync');
}, 300_000);

test('what somebody changes by hand is put back, and said; a later epoch and another pair’s name are told and never moved', async () => {
  const pair = await aNamedPair('hands', 'of-bind', [bind]);
  const name = `hands.${zone}`;
  await pair.lead('a', 1);
  await pair.until('InSync');
  const address = (text: string): Parameters<typeof byHand>[1] => [
    deleteType(name, 'A'),
    addRecord(name, 60, { type: 'A', address: text }),
  ];
  await byHand(bind, address('198.51.100.9'));
  await untilIt('the address is put back', bind, name, '192.0.2.15');
  // Of several events of one reason only the first text is kept, and the operator has set this name before.
  await untilEvent('NameRepaired', name);
  const told = operator.lines.find(({ fields }) => String(fields['before']).includes('198.51.100.9'));
  expect(told?.fields).toMatchObject({ epoch: 1, outcome: 'applied' });
  await byHand(bind, [deleteType(name, 'A'), deleteType(name, 'TXT')]);
  await untilIt('the name is put back', bind, name, '192.0.2.15');

  const text = (owner: string): Parameters<typeof byHand>[1] => [
    deleteType(name, 'TXT'),
    addRecord(name, 1, { type: 'TXT', texts: [`hallkeeper ${owner}`] }),
  ];
  const uid = (await cluster.admin.get(failoverPairs, { namespace, name: 'hands' }, signal)).metadata.uid;
  await byHand(bind, [...text(`pair=${uid} epoch=9`), ...address('198.51.100.9')]);
  expect(pair.says(await pair.until('LaterEpoch'))).toContain('198.51.100.9 of the later epoch 9');
  expect(await bind.addressesOf(name)).toEqual(['198.51.100.9']);

  await byHand(bind, text('pair=somebody-else epoch=1'));
  expect(pair.says(await pair.until('NameForeign'))).toContain('it belongs to pair somebody-else');
  await untilEvent('NameForeign', 'somebody-else');
  // A failover moves it as little as a look does.
  await pair.lead('b', 2);
  await pair.until('NameForeign');
  expect(await bind.addressesOf(name)).toEqual(['198.51.100.9']);

  await byHand(bind, [deleteType(name, 'A'), deleteType(name, 'TXT')]);
  await pair.until('InSync');
  expect(await bind.addressesOf(name)).toEqual(['192.0.2.25']);
}, 300_000);

test('a wrong key is named, and a pair taken down leaves no name', async () => {
  const pair = await aNamedPair('secret', 'of-bind', [bind]);
  await pair.lead('a', 1);
  await pair.until('InSync');
  const patch = async (secret: string | undefined): Promise<void> => {
    const body = { stringData: { key: secret } };
    await cluster.admin.patch(secrets, { namespace, name: 'of-bind' }, { type: 'merge', body }, signal);
  };
  await patch(bind.keys[1]?.secret);
  expect(pair.says(await pair.until('KeyRefused'))).toContain('BADSIG');
  await patch(bind.key.secret);
  await pair.until('InSync');
  const key = { namespace, name: 'secret' };
  await cluster.admin.delete(failoverPairs, key, {}, signal);
  await cluster.untilGone(failoverPairs, key);
  await eventually('the name is gone', async () => (await bind.addressesOf('secret')).length === 0, patience);
}, 300_000);
