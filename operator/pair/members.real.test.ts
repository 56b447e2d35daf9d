import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { PairOperation } from '#lib/api/pairoperation.gen.ts';
import { kubeEvents } from '#lib/kube/events.ts';
import { aPairOperation } from '#test/api/builders.ts';
import { namespace } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { freePort } from '#test/cluster/ports.ts';
import { failoverPairs, pairOperations } from '../resources.ts';
import { anySignal, patience } from '../testing/cluster.ts';
import type { OperatorCluster } from '../testing/cluster.ts';
import { conditionOf, createLocalPair, isReady, settingsOf, writeRecord } from '../testing/pairs.ts';
import { aMemberStatus, startStandInMember } from '../testing/stand-in-member.ts';
import type { StandInMember } from '../testing/stand-in-member.ts';
import { StandInPair } from '../testing/stand-in-pair.ts';
import { pairRoom } from './pair-room.ts';

/** The operator and two administration endpoints whose answers the tests choose. */
let standIn: StandInPair;
let cluster: OperatorCluster;
let a: StandInMember;
let b: StandInMember;
const signal = anySignal();
const pairKey = { namespace, name: 'duo' };

beforeAll(async () => {
  standIn = await StandInPair.start({ rooms: [pairRoom], name: pairKey.name });
  ({ cluster } = standIn);
  await until('the pair is ready', isReady);
  a = await standIn.answerFor('a');
  b = await standIn.answerFor('b');
}, 240_000);

afterAll(() => standIn?.[Symbol.asyncDispose]());

const until = (what: string, holds: (pair: FailoverPair) => boolean): Promise<FailoverPair> => standIn.until(what, holds);
/** What the member says from now on, with the facts that go with it. */
function says(member: StandInMember, change: Parameters<typeof aMemberStatus>[0]): void {
  const { facts: _facts, ...rest } = member.status;
  member.status = aMemberStatus({ ...rest, ...change });
}
const asMember = (member: string) => ({ namespace, pair: 'duo', member });
const failover = {
  epoch: 2,
  reason: 'switchover',
  why: 'the primary handed over',
  from: 'a',
  to: 'b',
  startedAt: '2026-01-02T03:04:05.678Z',
  completedAt: new Date().toISOString(),
  phasesMs: { detect: 1, decide: 2, fence: 3, promote: 4, open: 5, route: 6 },
  outageMs: 15,
  positionAtClaim: '0/3000060',
};

async function ask(name: string, spec: Parameters<typeof aPairOperation>[0] & object = {}): Promise<PairOperation> {
  const manifest = aPairOperation({ name, ...spec, spec: { pairRef: { name: 'duo' }, ...spec.spec } });
  const object = { ...manifest, metadata: { ...manifest.metadata, namespace } } as unknown as PairOperation;
  return cluster.admin.create(pairOperations, object, signal);
}

const ended = (name: string): Promise<PairOperation> =>
  cluster.until(`${name} has ended`, pairOperations, { namespace, name }, (operation) => operation.status?.completedAt !== undefined);

test('what members say becomes the status, a copy in steps of ten percent', async () => {
  await writeRecord(cluster, asMember('a'), { mode: 'Solo', primary: 'a', epoch: 1 });
  says(a, { role: 'primary', serving: true, step: 'leading alone', stepSeconds: 30 });
  says(b, { step: 'rejoin 47 %', facts: { copying: true } });
  const copying = await until(
    'the copy is told, with how far it is',
    (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.message.endsWith('b: rejoin 40 %.') === true,
  );
  expect(conditionOf(copying, 'ZeroLossFailoverPossible')).toMatchObject({ status: 'False', reason: 'CopyingStandby' });
  expect(copying.status).toMatchObject({ mode: 'Solo', primary: 'a', standby: 'b', epoch: 1 });
  expect(copying.status?.members).toMatchObject([
    { name: 'a', role: 'Primary', reachable: true, timeline: 1, step: 'leading alone' },
    { name: 'b', role: 'Standby', lag: 'Large', step: 'rejoin 40 %' },
  ]);

  await writeRecord(cluster, asMember('a'), { mode: 'Sync' });
  says(a, { step: 'leading', lagBytes: 1_000 });
  says(b, { step: 'following' });
  const synchronous = await until('a failover loses nothing', (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.status === 'True');
  expect(conditionOf(synchronous, 'MembersReachable')).toMatchObject({ status: 'True', reason: 'AllReachable' });
  await until('nothing is under way', (pair) => conditionOf(pair, 'Progressing')?.reason === 'Settled');
  const quiet = await cluster.admin.get(failoverPairs, pairKey, signal);
  says(a, { lagBytes: 2_000, flushPosition: '0/4000000' });
  says(b, { arbiterReached: false });
  const cut = await until('the cut is told', (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.reason === 'ArbiterUnreachable');
  // What changes with every commit is no news: of both only the cut is told.
  expect(cut.status?.members).toEqual(
    quiet.status?.members?.map((each) => (each.name === 'b' ? { ...each, arbiterReached: false } : each)),
  );
  says(b, { arbiterReached: true });
  await until('a failover loses nothing again', (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.status === 'True');
}, 240_000);

test('a member that keeps older settings gets them pushed with a token', async () => {
  const pushes = b.pushed.length;
  says(b, { settingsRevision: 'older' });
  await eventually('settings are pushed', () => b.pushed.length > pushes, patience);
  const { settings, token } = await settingsOf(cluster, namespace, 'duo', 'b');
  expect(b.pushed.at(-1)).toEqual({ revision: settings.revision, token });
}, 240_000);

test('a pause acts until a resume, and a switchover meanwhile is refused', async () => {
  await ask('pause', { spec: { type: 'Pause' } });
  const follow = setInterval(() => void mirrorRevisions(), 500);
  try {
    expect(conditionOf(await ended('pause'), 'Complete')).toMatchObject({ status: 'True', reason: 'Done' });
    expect((await settingsOf(cluster, namespace, 'duo', 'a')).settings.paused).toBe(true);
    await until('the pause is told', (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.reason === 'Paused');
    await ask('too-early');
    expect(conditionOf(await ended('too-early'), 'Failed')).toMatchObject({ status: 'True', reason: 'Refused' });
    await ask('resume', { spec: { type: 'Resume' } });
    expect(conditionOf(await ended('resume'), 'Complete')).toMatchObject({ status: 'True', reason: 'Done' });
    expect((await settingsOf(cluster, namespace, 'duo', 'a')).settings.paused).toBe(false);
  } finally {
    clearInterval(follow);
  }
}, 240_000);

/** As agents do that watch their Secrets. */
async function mirrorRevisions(): Promise<void> {
  for (const [name, member] of [
    ['a', a],
    ['b', b],
  ] as const) {
    const { settings } = await settingsOf(cluster, namespace, 'duo', name);
    member.status = { ...member.status, settingsRevision: settings.revision };
  }
}

test('a switchover is asked for once, the next one waits, and the report is the story of the new primary', async () => {
  await until('a failover loses nothing', (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.status === 'True');
  const operation = await ask('swap');
  await eventually('the primary is asked', () => a.asked.length > 0, patience);
  expect(a.asked[0]).toEqual({ what: 'switchover', id: operation.metadata.uid, epoch: 1 });
  expect(new Set(a.asked.map(({ id }) => id)).size).toBe(1);
  expect(b.asked).toEqual([]);
  says(a, { operations: [{ id: operation.metadata.uid, what: 'switchover', state: 'running', why: 'checkpointing' }] });
  await ask('second');
  const waiting = await cluster.until(
    'the second waits',
    pairOperations,
    { namespace, name: 'second' },
    (each) => each.status !== undefined,
  );
  expect(conditionOf(waiting, 'Complete')).toMatchObject({ reason: 'Waiting', message: 'swap came first and is not finished' });

  await writeRecord(cluster, asMember('b'), { mode: 'Claim', primary: 'b', epoch: 2 });
  await writeRecord(cluster, asMember('b'), { mode: 'Solo' });
  says(a, { role: 'standby', step: 'rejoin' });
  says(b, { role: 'primary', failovers: [failover] });
  const done = await ended('swap');
  expect(conditionOf(done, 'Complete')).toMatchObject({ status: 'True', reason: 'Done' });
  expect(done.status?.report).toMatchObject({
    epoch: 2,
    reason: 'Switchover',
    from: 'a',
    to: 'b',
    writeOutageMs: 15,
    phases: failover.phasesMs,
  });
  expect(conditionOf(await ended('second'), 'Failed')).toMatchObject({ reason: 'Refused', message: 'b is the primary already' });
  const told = await until('the failover is in the status', (pair) => pair.status?.lastFailover?.epoch === 2);
  expect(told.status).toMatchObject({
    primary: 'b',
    lastFailover: { startedAt: '2026-01-02T03:04:05Z', positionAtClaim: '0/3000060' },
    history: [{ epoch: 2, writeOutageMs: 15 }],
  });
}, 240_000);

/** Every event about the pair of this reason, as `type note`. */
async function eventsOf(reason: string): Promise<readonly string[]> {
  const { items } = await cluster.admin.list(kubeEvents, { namespace }, signal);
  const found = items.filter(
    (event) => event.regarding.kind === 'FailoverPair' && event.regarding.name === 'duo' && event.reason === reason,
  );
  return found.map(({ type, note }) => `${type} ${note}`);
}

test('a change of the leader that was asked for is a Normal event, with its story', async () => {
  const [told, ...more] = await eventually(
    'the event',
    async () => ((await eventsOf('SwitchedOver')).length > 0 ? eventsOf('SwitchedOver') : undefined),
    patience,
  );
  expect(told).toBe(
    'Normal b leads in epoch 2 instead of a: Switchover, the primary handed over; 15 ms without an acknowledged write; ' +
      'detect 1 ms, decide 2 ms, fence 3 ms, promote 4 ms, open 5 ms, route 6 ms; claimed at 0/3000060',
  );
  expect(more).toEqual([]);
}, 240_000);

test('a drill kills the primary, and its report and event tell outage and positions', async () => {
  await writeRecord(cluster, asMember('b'), { mode: 'Sync' });
  says(a, { step: 'following', operations: [] });
  says(b, { step: 'leading', lagBytes: 0 });
  await until('a failover loses nothing', (pair) => conditionOf(pair, 'ZeroLossFailoverPossible')?.status === 'True');
  const drill = await ask('drill', { spec: { type: 'KillPrimary' } });
  await eventually('the primary is asked', () => b.asked.some(({ what }) => what === 'kill'), patience);
  expect(b.asked.at(-1)).toEqual({ what: 'kill', id: drill.metadata.uid, epoch: 2 });
  await writeRecord(cluster, asMember('a'), { mode: 'Claim', primary: 'a', epoch: 3 });
  await writeRecord(cluster, asMember('a'), { mode: 'Solo' });
  const positions = { positionAcknowledged: '0/3000100', positionAtClaim: '0/3000160', positionAtOpen: '0/30001D8' };
  const report = {
    ...failover,
    ...positions,
    epoch: 3,
    reason: 'processDeath',
    why: 'it died',
    from: 'b',
    to: 'a',
    completedAt: new Date().toISOString(),
  };
  says(b, { role: 'standby', step: 'rejoin' });
  says(a, { role: 'primary', serving: true, failovers: [report] });
  const done = await ended('drill');
  expect(conditionOf(done, 'Complete')).toMatchObject({ status: 'True', reason: 'Done' });
  expect(conditionOf(done, 'Complete')?.message).toContain(
    '15 ms without an acknowledged write; acknowledged up to 0/3000100, claimed at 0/3000160',
  );
  expect(done.status?.report).toMatchObject({ epoch: 3, reason: 'ProcessDeath', writeOutageMs: 15, ...positions });
  expect(done.status?.steps?.map(({ name }) => name)).toEqual(expect.arrayContaining(['Begin', 'Ask', 'End']));
  const told = await eventually('the event', async () => (await eventsOf('DrillTakenOver'))[0], patience);
  expect(told).toMatch(/^Normal a leads in epoch 3 instead of b: ProcessDeath, it died; 15 ms.*open at 0\/30001D8$/);
}, 240_000);

test('a drill is refused while a failover could lose something', async () => {
  await ask('unsafe', { spec: { type: 'KillPrimary' } });
  expect(conditionOf(await ended('unsafe'), 'Failed')).toMatchObject({ status: 'True', reason: 'Refused' });
}, 240_000);

test('a standby is copied anew when it was asked, with its progress, and the primary is not', async () => {
  await writeRecord(cluster, asMember('a'), { mode: 'Sync' });
  says(a, { step: 'leading', lagBytes: 0 });
  says(b, { step: 'following' });
  await ask('not-this-one', { spec: { type: 'Reinitialize', member: 'a' } });
  expect(conditionOf(await ended('not-this-one'), 'Failed')).toMatchObject({
    reason: 'Refused',
    message: 'a leads: only a standby is copied anew; switch over first',
  });
  const copy = await ask('copy', { spec: { type: 'Reinitialize', member: 'b' } });
  await eventually('the standby is asked', () => b.asked.some(({ what }) => what === 'reinitialise'), patience);
  expect(b.asked.at(-1)).toEqual({ what: 'reinitialise', id: copy.metadata.uid, epoch: 3 });
  const standing = { id: copy.metadata.uid, what: 'reinitialise', why: '-' } as const;
  await writeRecord(cluster, asMember('a'), { mode: 'Solo' });
  says(b, { step: 'rejoin 47 %', operations: [{ ...standing, state: 'running' }] });
  const copying = await cluster.until('the copy is told', pairOperations, { namespace, name: 'copy' }, ({ status }) =>
    (status?.steps ?? []).some(({ name, message }) => name === 'Copy' && message === 'b: rejoin 40 %'),
  );
  expect(conditionOf(copying, 'Complete')).toMatchObject({ status: 'False', reason: 'Running' });
  says(b, { step: 'streaming', operations: [{ ...standing, state: 'done', why: 'the new copy streams' }] });
  await cluster.until('the admission is awaited', pairOperations, { namespace, name: 'copy' }, ({ status }) =>
    (status?.steps ?? []).some(({ name }) => name === 'Admission'),
  );
  await writeRecord(cluster, asMember('a'), { mode: 'Sync' });
  expect(conditionOf(await ended('copy'), 'Complete')).toMatchObject({
    status: 'True',
    message: 'b has a new copy, and is waited for again',
  });
}, 240_000);

test('an operation that had not begun in time does nothing, and a finished one goes after its time', async () => {
  await ask('late', { spec: { notAfter: '2020-01-01T00:00:00Z', ttlAfterFinished: '1s' } });
  await cluster.untilGone(pairOperations, { namespace, name: 'late' });
  const asked = a.asked.length + b.asked.length;
  await ask('old', { spec: { notAfter: '2020-01-01T00:00:00Z' } });
  expect(conditionOf(await ended('old'), 'Failed')).toMatchObject({ status: 'True', reason: 'Expired' });
  expect(a.asked.length + b.asked.length).toBe(asked);
}, 240_000);

test('a member that is gone is told of after a while, with what to do', async () => {
  await a[Symbol.asyncDispose]();
  const lost = await until('the loss is told', (pair) => conditionOf(pair, 'MembersReachable')?.status === 'False');
  expect(conditionOf(lost, 'MembersReachable')?.message).toMatch(/^a \(.*ECONNREFUSED.*behind NAT that takes a VPN$/);
  expect(lost.status?.members?.[0]).toMatchObject({ name: 'a', reachable: false });
  const metrics = await (await fetch(`${standIn.operator.url}/metrics`)).text();
  const about = 'kind="FailoverPair",name="duo",resource_namespace="hall-7",hall="",pair="duo"';
  expect(metrics).toContain(`hallkeeper_resource_condition{${about},condition="MembersReachable",status="False"} 1`);
  expect(metrics).toMatch(
    /hallkeeper_certificate_expiry_timestamp_seconds\{secret="hallkeeper-duo-ca",pair="duo",hall="",resource_namespace="hall-7"\} \d/,
  );
  expect((await fetch(`${standIn.operator.url}/-/ready`)).status).toBe(200);
}, 240_000);

test('a stranger with a certificate of another authority is no member', async () => {
  const { settings } = await settingsOf(cluster, namespace, 'duo', 'a');
  const address = '127.0.0.21';
  const hallServer = { adminPort: await freePort(address), port: await freePort(address) };
  // It answers from the first call on: why a member does not answer is told anew once a minute.
  await using stranger = await startStandInMember({ ...settings, adminPort: hallServer.adminPort, self: { name: 'a', address } });
  stranger.status = aMemberStatus({ role: 'primary' });
  await createLocalPair(cluster, namespace, { name: 'other', addresses: [address, '127.0.0.22'], spec: { hallServer } });
  await cluster.until('the other pair is ready', failoverPairs, { namespace, name: 'other' }, isReady);
  const told = await cluster.until('the stranger is refused', failoverPairs, { namespace, name: 'other' }, (pair) =>
    (conditionOf(pair, 'MembersReachable')?.message ?? '').includes('certificate'),
  );
  expect(told.status?.members?.[0]).toMatchObject({ role: 'Unknown', reachable: false });
}, 240_000);
