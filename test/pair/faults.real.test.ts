import { rm, statfs, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Leaf } from '#lib/pki/leaf.ts';
import { eventually } from '../cluster/eventually.ts';
import type { PairStand } from './pair-stand.ts';
import { startServedPair } from './served-pair.ts';
import type { ServedPair } from './served-pair.ts';
import { acknowledgedAgain, inStep, leadsAlone, lostOf, other, takenOverBy, waits } from './watch-pair.ts';
import type { Name } from './watch-pair.ts';
import { floodLog, Writer } from './writer.ts';

const asRoot = process.getuid?.() === 0;
const dayMs = 86_400_000;
let pair: ServedPair;
let stand: PairStand;
let writer: Writer;
/** Go to one address all the time, as a client does that keeps an old answer of the DNS. */
const stubborn: Writer[] = [];

beforeAll(async () => {
  pair = await startServedPair(asRoot ? { smallDiskMegabytes: 320 } : {});
  ({ stand, writer } = pair);
  const connection = { port: stand.postgresPort, client: stand.client };
  for (const name of ['a', 'b'] as const) {
    const firstId = name === 'a' ? 1_000_000_000 : 2_000_000_000;
    stubborn.push(new Writer(() => Promise.resolve([stand.members[name].address]), connection, { firstId }));
  }
  for (const each of stubborn) each.start();
}, 180_000);

afterAll(async () => {
  for (const each of stubborn) await each.stop();
  await pair?.[Symbol.asyncDispose]();
}, 60_000);

const logged = async (name: Name, text: string | RegExp): Promise<void> => {
  await eventually(`member ${name} logs ${String(text)}`, async () => (await stand.members[name].log()).search(text) >= 0, waits);
};
const both = ['a', 'b'] as const;
const tsigSecret =
  (secret: string): ((name: Name) => Promise<void>) =>
  async (name) => {
    const { dns } = stand.settings[name];
    if (dns !== undefined) await stand.changeSettings(name, { dns: { ...dns, tsig: { ...dns.tsig, secret: new Secret(secret) } } });
  };
const settled = async (): Promise<void> => {
  await eventually(
    'both members use their newest settings',
    async () => {
      const revisions = await Promise.all(
        both.map(async (name) => (await stand.status(name)).settingsRevision === stand.settings[name].revision),
      );
      return revisions.every(Boolean);
    },
    waits,
  );
};
/** Sessions of the killed server may go on acknowledging for a moment, so an acknowledged write does not tell that its successor serves. */
const restartsPostgres = async (leader: Name): Promise<void> => {
  const member = stand.members[leader];
  const killed = await member.postmaster();
  await member.killPostgres();
  const restarted = async (): Promise<boolean> => {
    const present = await member.postmaster();
    return present !== undefined && present !== killed && (await stand.status(leader)).serving;
  };
  await eventually('the primary starts its PostgreSQL again', restarted, waits);
};
const withCertificate = async (name: Name, leaf: Leaf): Promise<void> => {
  const { tls } = stand.settings[name];
  await stand.changeSettings(name, { tls: { ...tls, certificate: leaf.certificatePem, key: leaf.privateKeyPem } });
};

test('a wrong TSIG key: settings change without a failover, a failover happens all the same and the name follows the right key', async () => {
  const before = await inStep(stand);
  for (const name of both) await tsigSecret(randomBytes(32).toString('base64'))(name);
  await settled();
  const { leader, epoch } = await inStep(stand);
  expect({ leader, epoch }).toEqual(before);
  const next = other(leader);
  await stand.members[leader].killPostgres();
  await takenOverBy(stand, next, epoch);
  const standing = await eventually(
    'the refusal stands in the status',
    async () => (await stand.status(next)).dns.find(({ ok }) => !ok),
    waits,
  );
  expect(standing.why).toMatch(/unauthenticated|refused/);
  await logged(next, /DNS server answered/);
  expect(await stand.metrics(next)).toMatch(/hallkeeper_dns_update_failures_total\{[^}]*reason="(unauthenticated|refused)"\} [1-9]/);
  expect(await stand.bind.addressesOf('pair')).toEqual([stand.members[leader].address]);
  for (const name of both) await tsigSecret(stand.bind.key.secret)(name);
  await acknowledgedAgain(writer);
  expect((await inStep(stand)).leader).toBe(next);
});

test('the DNS server is down during a failover: it delays nothing, and the name follows when it is back', async () => {
  const { leader, epoch } = await inStep(stand);
  await stand.bind.halt();
  await stand.members[leader].killPostgres();
  await takenOverBy(stand, other(leader), epoch);
  await inStep(stand);
  await stand.bind.start();
  await acknowledgedAgain(writer);
  expect(await stand.bind.addressesOf('pair')).toEqual([stand.members[other(leader)].address]);
});

test('a renewed certificate is taken into use while everything runs on', async () => {
  const before = await inStep(stand);
  const standby = other(before.leader);
  const agents = both.map((name) => stand.members[name].agent?.pid);
  for (const name of both) {
    await withCertificate(name, await stand.certify(name));
    await eventually(
      `member ${name} says so`,
      async () => (await stand.members[name].log()).includes(`"revision":"${stand.settings[name].revision}"`),
      waits,
    );
    expect(await stand.members[name].log()).not.toMatch(new RegExp(`"revision":"${stand.settings[name].revision}".*starts anew`));
  }
  await stand.members[standby].killMember();
  await stand.members[standby].startAgent();
  expect(await inStep(stand)).toEqual(before);
  expect(agents[both.indexOf(before.leader)]).toBe(stand.members[before.leader].agent?.pid);
});

const badCertificates = {
  'an expired certificate': () => async (name: Name) => await stand.certify(name, { nowMs: Date.now() - 3 * dayMs, lifetimeDays: 1 }),
  'a certificate of a foreign authority': () => async (name: Name) =>
    await stand.certify(name, { by: await createAuthority({ commonName: 'foreign', nowMs: Date.now() }) }),
} as const;
for (const [what, make] of Object.entries(badCertificates)) {
  test(`a standby with ${what} is refused and logged, the primary goes on alone, and a good one brings it back`, async () => {
    const { leader, epoch } = await inStep(stand);
    const standby = other(leader);
    await withCertificate(standby, await make()(standby));
    await logged(standby, `"revision":"${stand.settings[standby].revision}"`);
    await stand.members[standby].killMember();
    await stand.members[standby].startAgent();
    await leadsAlone(stand, leader);
    await logged(leader, what.includes('expired') ? /a client was refused.*|.*expired.*a client was refused/ : /a client was refused/);
    await acknowledgedAgain(writer);
    await withCertificate(standby, await stand.certify(standby));
    expect(await inStep(stand)).toEqual({ leader, epoch });
  });
}

test('pausing and resuming take effect on running members: no failover while paused', async () => {
  const before = await inStep(stand);
  for (const name of both) await stand.changeSettings(name, { paused: true });
  await eventually(
    'both say so',
    async () => (await Promise.all(both.map(stand.status))).every(({ blockedBy }) => blockedBy === 'Paused'),
    waits,
  );
  await restartsPostgres(before.leader);
  await acknowledgedAgain(writer);
  for (const name of both) await stand.changeSettings(name, { paused: false });
  expect(await inStep(stand)).toEqual(before);
});

test('settings with which a member could not run are refused, and it runs on with those before', async () => {
  const before = await inStep(stand);
  const { detection, revision, postgresql } = stand.settings[before.leader];
  await stand.changeSettings(before.leader, {
    detection: { ...detection, suspectAfterMs: 301 },
    postgresql: { ...postgresql, parameters: { fsync: 'off' } },
  });
  await logged(before.leader, /suspectAfterMs 301.*fsync.*the settings in the Secret are refused/);
  expect((await stand.status(before.leader)).settingsRevision).toBe(revision);
  await stand.changeSettings(before.leader, { detection, postgresql: { ...postgresql, parameters: { work_memm: '1MB' } } });
  await logged(before.leader, /unrecognized configuration parameter.*work_memm.*the settings in the Secret are refused/);
  expect((await stand.status(before.leader)).settingsRevision).toBe(revision);
  await stand.changeSettings(before.leader, { detection, postgresql });
  await settled();
  expect(await inStep(stand)).toEqual(before);
});

test('a second agent for the same data refuses to start, and says why', async () => {
  const before = await inStep(stand);
  const second = await stand.members[before.leader].startSecondAgent(await stand.network.freePort());
  const exit = await second.exited;
  expect(exit.code).toBe(1);
  expect(await second.logTail()).toContain('another agent');
  expect(await inStep(stand)).toEqual(before);
});

test('the API server is away: writes go on; the primary killed meanwhile is followed when the arbiter is back', async () => {
  const { leader, epoch } = await inStep(stand);
  await stand.api.controlPlane.apiserver.kill();
  await eventually(
    'both miss it',
    async () => (await Promise.all(both.map(stand.status))).every(({ arbiterReached }) => !arbiterReached),
    waits,
  );
  // The leader knows from the next heartbeat that its standby could not claim.
  await eventually('the leader says so', async () => (await stand.status(leader)).blockedBy === 'ArbiterUnreachable', waits);
  await acknowledgedAgain(writer);
  // PostgreSQL dies alone: nobody may take over, so the agent starts it again.
  await restartsPostgres(leader);
  await acknowledgedAgain(writer);
  await stand.members[leader].killMember();
  await sleep(3_000);
  expect((await stand.status(other(leader))).serving).toBe(false);
  await stand.api.controlPlane.apiserver.start();
  await takenOverBy(stand, other(leader), epoch);
  await acknowledgedAgain(writer);
  await stand.members[leader].startAgent();
  expect((await inStep(stand)).leader).toBe(other(leader));
});

const hangs = {
  "the primary's PostgreSQL": (name: Name, signal: NodeJS.Signals) => stand.members[name].signalPostgres(signal),
  'the whole primary': (name: Name, signal: NodeJS.Signals) => stand.members[name].signalMember(signal),
} as const;
for (const [what, send] of Object.entries(hangs)) {
  test(`${what} hangs and comes back: the standby has taken over, and the old one acknowledges nothing`, async () => {
    const { leader, epoch } = await inStep(stand);
    await send(leader, 'SIGSTOP');
    await takenOverBy(stand, other(leader), epoch);
    await acknowledgedAgain(writer);
    await sleep(2_000);
    await send(leader, 'SIGCONT');
    expect(await inStep(stand)).toEqual({ leader: other(leader), epoch: epoch + 1 });
    await logged(leader, 'deposed: the record names the other member');
  });
}

test.runIf(asRoot)('a full disk under PostgreSQL of the primary: it is told, the standby takes over, and room brings it back', async () => {
  let { leader, epoch } = await inStep(stand);
  if (leader === 'b') {
    await stand.switchover('b', 'to-the-small-disk');
    await takenOverBy(stand, 'a', epoch);
    ({ leader, epoch } = await inStep(stand));
  }
  const { address, directory } = stand.members.a;
  const filler = join(directory, 'filler');
  const { bavail, bsize } = await statfs(directory);
  await writeFile(filler, Buffer.alloc(bavail * bsize)).catch(() => undefined);
  await floodLog(address, { port: stand.postgresPort, client: stand.client }, 200);
  await takenOverBy(stand, 'b', epoch);
  await acknowledgedAgain(writer);
  expect(await stand.members.a.postgresLog()).toContain('No space left on device');
  await eventually('the status tells it', async () => (await stand.status('a')).diskFreePercent === 0, waits);
  await rm(filler);
  await logged('a', /the disk of the data is almost full/);
  // PostgreSQL's own last words may be missing from its log, which lies on the same disk.
  await logged('a', /PostgreSQL ended/);
  await inStep(stand);
});

test('after all this every acknowledged write is there, whomever it was sent to', async () => {
  expect(await lostOf(stand, writer, ...stubborn)).toEqual([]);
  expect(writer.acknowledged.length).toBeGreaterThan(200);
});
