import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../cluster/eventually.ts';
import { etcdKey } from './pair-stand.ts';
import type { PairStand } from './pair-stand.ts';
import { startServedPair } from './served-pair.ts';
import type { ServedPair } from './served-pair.ts';
import { acknowledgedAgain, inStep, lostOf, other, takenOverBy, waits } from './watch-pair.ts';
import type { Writer } from './writer.ts';

/** A pair whose record an etcd of one member keeps. Its agents know the Kubernetes API by their settings alone. */
let pair: ServedPair;
let stand: PairStand;
let writer: Writer;
const both = ['a', 'b'] as const;

beforeAll(async () => {
  pair = await startServedPair({ arbiter: 'etcd' });
  ({ stand, writer } = pair);
}, 180_000);

afterAll(() => pair?.[Symbol.asyncDispose](), 60_000);

const record = async (): Promise<Record<string, unknown>> =>
  JSON.parse((await stand.etcd?.read(etcdKey)) ?? 'null') as Record<string, unknown>;
const blockedBy = async (): Promise<readonly unknown[]> => (await Promise.all(both.map(stand.status))).map((status) => status.blockedBy);

test('the founder has created the record and the pair is synchronous by it; there is no PairRecord', async () => {
  const { leader, epoch } = await inStep(stand);
  expect(leader).toBe('a');
  expect(await record()).toMatchObject({ formatVersion: 1, mode: 'sync', primary: 'a', epoch, author: 'a' });
  expect((await stand.api.read('PairRecord', stand.settings.a.pair.name)).code).toBe(404);
});

test('the Kubernetes API is gone: the primary dies with its agent, the other takes over, it comes back, and hands over again', async () => {
  const { leader, epoch } = await inStep(stand);
  const next = other(leader);
  await stand.api.controlPlane.apiserver.kill();
  await acknowledgedAgain(writer);
  await stand.members[leader].killMember();
  await takenOverBy(stand, next, epoch);
  await acknowledgedAgain(writer);
  expect(await record()).toMatchObject({ primary: next, epoch: epoch + 1 });
  // It finds its settings on its own disk, and its role in etcd.
  await stand.members[leader].startAgent();
  expect(await inStep(stand)).toEqual({ leader: next, epoch: epoch + 1 });
  await stand.switchover(next, 'without-kubernetes');
  await takenOverBy(stand, leader, epoch + 1);
  expect(await inStep(stand)).toEqual({ leader, epoch: epoch + 2 });
  await acknowledgedAgain(writer);
  expect(stand.api.controlPlane.apiserver.running).toBe(false);
  await stand.api.controlPlane.apiserver.start();
  expect(await inStep(stand)).toEqual({ leader, epoch: epoch + 2 });
});

test('a renewed certificate for etcd is taken into use while everything runs on', async () => {
  const before = await inStep(stand);
  const agents = both.map((name) => stand.members[name].agent?.pid);
  for (const name of both) {
    const { arbiter } = stand.settings[name];
    const tls = await stand.etcd?.client();
    if (arbiter.kind !== 'etcd' || tls === undefined) throw new Error('the arbiter is an etcd');
    await stand.changeSettings(name, { arbiter: { ...arbiter, tls } });
    const said = `"revision":"${stand.settings[name].revision}"`;
    await eventually(`member ${name} says so`, async () => (await stand.members[name].log()).includes(said), waits);
    expect(await stand.members[name].log()).not.toMatch(new RegExp(`${said}.*starts anew`));
  }
  await stand.switchover(before.leader, 'with-new-certificates');
  await takenOverBy(stand, other(before.leader), before.epoch);
  expect((await inStep(stand)).leader).toBe(other(before.leader));
  expect(both.map((name) => stand.members[name].agent?.pid)).toEqual(agents);
});

test('etcd is away: writes go on, nobody takes over, and it is told; when it is back the one that died is followed', async () => {
  const { leader, epoch } = await inStep(stand);
  const [etcd] = stand.etcd?.members ?? [];
  await etcd?.kill();
  await eventually('both miss it', async () => (await blockedBy()).every((why) => why === 'ArbiterUnreachable'), waits);
  await acknowledgedAgain(writer);
  await stand.members[leader].killMember();
  await eventually('the standby misses the primary', async () => !(await stand.status(other(leader))).peerHeard, waits);
  expect((await stand.status(other(leader))).serving).toBe(false);
  await etcd?.start();
  await takenOverBy(stand, other(leader), epoch);
  await acknowledgedAgain(writer);
  await stand.members[leader].startAgent();
  expect((await inStep(stand)).leader).toBe(other(leader));
});

test('the record is deleted: nobody makes a new one, not even an agent that starts anew, and it thaws when a person puts it back', async () => {
  const before = await inStep(stand);
  const standby = other(before.leader);
  const lost = (await stand.etcd?.read(etcdKey)) ?? '';
  await stand.etcd?.remove(etcdKey);
  await eventually('both miss it', async () => (await blockedBy()).every((why) => why === 'RecordLost'), waits);
  await acknowledgedAgain(writer);
  await stand.members[standby].killAgent();
  await stand.members[standby].startAgent();
  await eventually('the new agent misses it too', async () => (await stand.status(standby)).blockedBy === 'RecordLost', waits);
  expect(await stand.etcd?.read(etcdKey)).toBeUndefined();
  expect((await stand.status(before.leader)).serving).toBe(true);
  await stand.etcd?.write(etcdKey, lost);
  expect(await inStep(stand)).toEqual(before);
});

test('after all this every acknowledged write is there', async () => {
  expect(await lostOf(stand, writer)).toEqual([]);
  expect(writer.acknowledged.length).toBeGreaterThan(200);
});
