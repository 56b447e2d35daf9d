import { beforeEach, expect, test } from 'vitest';
import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import type { Hall } from '#lib/api/hall.gen.ts';
import type { Terminal } from '#lib/api/terminal.gen.ts';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { statusError } from '#lib/kube/errors.ts';
import { keyOf } from '#lib/kube/objects.ts';
import type { KubeObject, ResourceType } from '#lib/kube/objects.ts';
import { Store } from '#lib/kube/store.ts';
import { SimulatedClock } from '#lib/kube/testing/simulated-clock.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { formatClaim, holderOf, pairClaim } from '../hall/claim.ts';
import { emptyPicture } from '../hall/fleet-picture.ts';
import type { FleetPicture } from '../hall/fleet-picture.ts';
import { storedHall, storedPair, storedTerminal } from '../hall/testing/objects.ts';
import type { OperatorCaches } from '../operator-caches.ts';
import type { KubeConfigMap, KubeSecret } from '../resources.ts';
import { encodeData } from '../secret-data.ts';
import { reconcileTerminal } from './reconcile-terminal.ts';
import type { TerminalPorts } from './reconcile-terminal.ts';
import { hallPerSecond, StatusPace, terminalEveryMs } from './status-pace.ts';

/** A hall on a simulated clock: what is written is counted, and each terminal is looked at when it is told or has asked for it. */
class SimulatedHall {
  readonly clock = new SimulatedClock();
  readonly writes: { readonly terminal: string; readonly atMs: number; readonly state: string | undefined }[] = [];
  secretWrites = 0;
  /** What the API server says to every Secret. */
  refusal: Error | undefined;
  picture: FleetPicture = emptyPicture;
  readonly #fail = (error: unknown): void => {
    throw error;
  };
  readonly #terminals = new Store<Terminal>({}, this.#fail);
  readonly #halls = Object.assign(
    new Store<Hall>({ pair: ({ metadata, spec }) => [`${metadata.namespace}/${spec.failoverPairRef.name}`] }, this.#fail),
    { follows: () => true },
  );
  readonly #pairs = new Store<FailoverPair>({}, this.#fail);
  readonly #claims = new Store<KubeConfigMap>({ name: ({ metadata }) => [metadata.name] }, this.#fail);
  readonly #secrets = new Store<KubeSecret>({}, this.#fail);
  readonly #dueMs = new Map<string, number>();
  readonly #reconcile: ReturnType<typeof reconcileTerminal>;
  #version = 1;

  constructor() {
    const caches = { terminals: this.#terminals, halls: this.#halls, pairs: this.#pairs, claims: this.#claims, secrets: this.#secrets };
    const ports = {
      client: this.#client(),
      clock: this.clock,
      random: seededRandom(1),
      log: silentLog,
      caches: caches as unknown as OperatorCaches,
      trustDomain: 'hallkeeper.dev',
      links: { get: () => ({ picture: this.picture }) },
      pace: new StatusPace(this.clock),
    };
    this.#reconcile = reconcileTerminal(ports as unknown as TerminalPorts);
  }

  async furnish(terminals: number): Promise<void> {
    const [hall, pair] = [storedHall(), storedPair()];
    this.#halls.put(hall);
    this.#pairs.put(pair);
    this.claim();
    for (const name of ['hallkeeper-hall-hall-7-ca', 'hallkeeper-pair-7-ca']) {
      const { certificatePem, privateKeyPem } = await createAuthority({ commonName: name, nowMs: this.clock.wallMs() });
      const data = encodeData({ 'ca.crt': certificatePem, 'authority-01.crt': certificatePem, 'authority-01.key': privateKeyPem.reveal() });
      const labels = { 'hallkeeper.dev/owner-uid': 'uid-pair-7' };
      this.#secrets.put({ metadata: { namespace: 'hall-7', name, resourceVersion: '1', labels }, data });
    }
    for (let index = 0; index < terminals; index += 1) {
      const terminal = storedTerminal({ name: `t${index}` });
      this.#terminals.put(terminal);
      this.#dueMs.set(terminal.metadata.name, this.clock.nowMs());
    }
  }

  /** The hall has the pair; it is taken from it by `unclaim`, as when the claim is deleted by hand. */
  claim(): void {
    const claim = formatClaim(pairClaim(storedPair()), holderOf(storedHall()), 'hallkeeper-system');
    this.#claims.put({ ...claim, metadata: { ...claim.metadata, resourceVersion: '1' } });
    this.#look();
  }

  unclaim(): void {
    for (const claim of this.#claims.list()) this.#claims.remove(claim);
    this.#look();
  }

  dropSecret(name: string): void {
    const secret = this.#secrets.get({ namespace: 'hall-7', name });
    if (secret !== undefined) this.#secrets.remove(secret);
    this.#look();
  }

  #look(): void {
    for (const name of this.#dueMs.keys()) this.#dueMs.set(name, this.clock.nowMs());
  }

  terminal(name: string): Terminal | undefined {
    return this.#terminals.get({ namespace: 'hall-7', name });
  }

  /** What the feed says of all terminals from now on. */
  tell(state: 'Online' | 'Offline' | 'Unknown', connected = true): void {
    const sight = { state, sinceMs: this.clock.wallMs(), agentVersion: '1', channel: 'lan' };
    this.picture = { ...emptyPicture, known: true, connected, terminals: new Map([...this.#dueMs.keys()].map((name) => [name, sight])) };
    for (const name of this.#dueMs.keys()) this.#dueMs.set(name, this.clock.nowMs());
  }

  look(name: string): ReturnType<ReturnType<typeof reconcileTerminal>> {
    return this.#reconcile({ namespace: 'hall-7', name }, { signal: new AbortController().signal, log: silentLog });
  }

  async run(ms: number): Promise<void> {
    const endMs = this.clock.nowMs() + ms;
    for (;;) {
      const [next] = [...this.#dueMs].filter(([, dueMs]) => dueMs <= endMs).toSorted(([, a], [, b]) => a - b);
      if (next === undefined) break;
      const [name, dueMs] = next;
      await this.clock.advance(Math.max(0, dueMs - this.clock.nowMs()));
      const answer = await this.look(name);
      this.#dueMs.set(name, this.clock.nowMs() + (answer?.requeueAfterMs ?? Infinity));
    }
    await this.clock.advance(Math.max(0, endMs - this.clock.nowMs()));
  }

  #client(): KubeClient {
    const apply = (_type: ResourceType<KubeObject>, object: KubeObject & { readonly status?: Terminal['status'] }): Promise<KubeObject> => {
      this.#version += 1;
      const known = this.#terminals.get(keyOf(object));
      if (known === undefined || object.status === undefined) throw new Error(`a write of ${object.metadata.name}`);
      this.#terminals.put({ ...known, metadata: { ...known.metadata, resourceVersion: String(this.#version) }, status: object.status });
      this.writes.push({ terminal: object.metadata.name, atMs: this.clock.nowMs(), state: object.status.state });
      return Promise.resolve(object);
    };
    const keep = (_type: ResourceType<KubeObject>, object: KubeObject): Promise<KubeObject> => {
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      this.#version += 1;
      this.secretWrites += 1;
      this.#secrets.put({ ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } });
      return Promise.resolve(object);
    };
    return { apply, create: keep, update: keep, find: () => Promise.resolve(undefined) } as unknown as KubeClient;
  }
}

let hall: SimulatedHall;
const count = 30;

beforeEach(async () => {
  hall = new SimulatedHall();
  await hall.furnish(count);
  await hall.run(1_000);
});

const statesWritten = (): typeof hall.writes => hall.writes.filter(({ state }) => state !== undefined);

test('each terminal is enrolled with one certificate and one write, and then nothing is written', async () => {
  expect([hall.writes.length, hall.secretWrites]).toEqual([count, count]);
  await hall.run(86_400_000);
  expect([hall.writes.length, hall.secretWrites]).toEqual([count, count]);
});

test('the first state of a hall is written at twenty terminals a second', async () => {
  hall.tell('Online');
  await hall.run(900);
  expect(statesWritten().length).toBeLessThanOrEqual(2 * hallPerSecond);
  await hall.run(5_000);
  expect(statesWritten()).toHaveLength(count);
});

test('a state that passes is not written', async () => {
  hall.tell('Online');
  await hall.run(60_000);
  const before = hall.writes.length;
  hall.tell('Unknown');
  await hall.run(1_500);
  hall.tell('Online');
  await hall.run(60_000);
  expect(hall.writes.slice(before).map(({ state }) => state)).toEqual(Array(count).fill('Online'));
});

test('states that never settle are written once in ten seconds a terminal', async () => {
  hall.tell('Online');
  await hall.run(60_000);
  const before = hall.writes.length;
  for (let second = 0; second < 60; second += 1) {
    hall.tell(second % 2 === 0 ? 'Unknown' : 'Online');
    await hall.run(1_000);
  }
  const own = hall.writes.slice(before).filter(({ terminal }) => terminal === 't7');
  expect([5, 6]).toContain(own.length);
  hall.tell('Offline');
  await hall.run(20_000);
  expect(hall.terminal('t7')?.status?.state).toBe('Offline');
});

test('states that flap slowly are written at most once in ten seconds a terminal', async () => {
  hall.tell('Online');
  await hall.run(60_000);
  const beganMs = hall.clock.nowMs();
  const before = hall.writes.length;
  for (let turn = 0; turn < 20; turn += 1) {
    hall.tell(turn % 2 === 0 ? 'Offline' : 'Online');
    await hall.run(4_000);
  }
  await hall.run(30_000);
  const own = hall.writes.slice(before).filter(({ terminal }) => terminal === 't7');
  expect(own.length).toBeGreaterThan(1);
  expect(own.length).toBeLessThanOrEqual(Math.ceil((hall.clock.nowMs() - beganMs) / terminalEveryMs));
  for (const [index, { atMs }] of own.entries()) expect(atMs - (own[index - 1]?.atMs ?? -Infinity)).toBeGreaterThanOrEqual(terminalEveryMs);
  expect(hall.terminal('t7')?.status?.state).toBe('Online');
});

test('while the hall is unreachable no Terminal is written; afterwards each shows what is so', async () => {
  hall.tell('Online');
  await hall.run(60_000);
  const before = hall.writes.length;
  hall.tell('Offline', false);
  await hall.run(600_000);
  expect(hall.writes.length).toBe(before);
  hall.tell('Offline');
  await hall.run(20_000);
  expect(hall.writes.length).toBe(before + count);
});

test('while no claim says who has the pair, or an authority is gone, enrolled terminals are not touched', async () => {
  const before = hall.writes.length;
  hall.unclaim();
  await hall.run(60_000);
  hall.claim();
  await hall.run(60_000);
  hall.dropSecret('hallkeeper-hall-hall-7-ca');
  await hall.run(60_000);
  expect([hall.writes.length, hall.secretWrites]).toEqual([before, count]);
  expect(hall.terminal('t0')?.status?.conditions?.map(({ reason }) => reason)).toEqual(['Enrolled', 'CertificateIssued']);
});

test('what the API server refuses is said once, and ends the look', async () => {
  const label = { verb: 'create', resource: 'secrets', target: 'hall-7/x', confidential: true };
  hall.refusal = statusError(label, 422, { code: 422, reason: 'Invalid', message: 'no' });
  hall.dropSecret('hallkeeper-terminal-t7');
  const before = hall.writes.length;
  for (let turn = 0; turn < 3; turn += 1) await expect(hall.look('t7')).rejects.toThrow('the API server refuses');
  expect(hall.writes.length).toBe(before + 1);
  expect(hall.terminal('t7')?.status?.conditions?.[0]).toMatchObject({ type: 'Ready', status: 'False', reason: 'NotApplied' });
  hall.refusal = undefined;
  await hall.look('t7');
  expect(hall.terminal('t7')?.status?.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Enrolled' });
});

test('a certificate is renewed after thirty days, and nothing else is', async () => {
  const day = 86_400_000;
  await hall.run(29 * day);
  expect(hall.secretWrites).toBe(count);
  await hall.run(2 * day);
  expect(hall.secretWrites).toBe(2 * count);
  expect(hall.terminal('t0')?.status?.conditions?.find(({ type }) => type === 'Enrolled')?.message).toMatch(/valid until 2026-05-0[12]/);
});
