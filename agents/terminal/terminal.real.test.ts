import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Server } from '@grpc/grpc-js';
import type { ChannelCredentials, ServerDuplexStream } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { RenewableServerCredentials } from '#lib/link/credentials.ts';
import { TerminalLinkService } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { HeartbeatLimits } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { PutRosterRequest } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import type { Down, Up } from '#lib/link/gen/hallkeeper/v1/terminal_link.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import type { Authority } from '#lib/pki/authority.ts';
import { hallAuthority, serverTls } from '#lib/pki/trust.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { linkTo, put, rosterOf, stateWord, watch } from '#test/hall/hall-readers.ts';
import { startHallProcess } from '#test/hall/hall-process.ts';
import {
  exporterIdentity,
  hall,
  linkCertificates,
  operatorIdentity,
  pairUid,
  terminalIdentity,
  trustDomain,
} from '#test/hall/link-certificates.ts';
import type { LinkCertificates } from '#test/hall/link-certificates.ts';
import { startPlainPostgres } from '#test/hall/plain-postgres.ts';
import type { PlainPostgres } from '#test/hall/plain-postgres.ts';
import { fileEpochs, memoryEpochs } from './epoch-memory.ts';
import type { EpochMemory } from './epoch-memory.ts';
import type { LoadStatus } from './load/load-status.ts';
import { TerminalAgent } from './terminal-agent.ts';

const waitMaxMs = 90_000;
const names = Array.from({ length: 12 }, (_none, index) => `t${index + 1}`);
let folder: TemporaryFolder;
let certificates: LinkCertificates;
let postgres: PlainPostgres;
let operator: ChannelCredentials;
let t1: ChannelCredentials;
const cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  folder = await temporaryFolder('terminal');
  certificates = await linkCertificates();
  postgres = await startPlainPostgres();
  operator = await certificates.client(operatorIdentity);
  t1 = await certificates.client(terminalIdentity('t1'));
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await folder?.remove();
});

function startAgent(ports: readonly number[], wish: { epochs?: EpochMemory; credentials?: ChannelCredentials } = {}): TerminalAgent {
  const agent = new TerminalAgent(
    { hall, terminal: 't1', pairUid, agentVersion: '0.1.0', runId: Buffer.alloc(16, cleanUps.length + 1) },
    {
      findEndpoints: () => Promise.resolve(ports.map((port) => ({ address: '127.0.0.1', port }))),
      credentials: () => wish.credentials ?? t1,
      epochs: wish.epochs ?? memoryEpochs(),
      readGame: () => ({ localApi: 'absent' }),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    },
  );
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  cleanUps.push(async () => {
    stop.abort();
    await running;
  });
  return agent;
}

const until = (what: string, check: () => boolean): Promise<true> => eventually(what, check, { maxMs: waitMaxMs });

/** A member that welcomes with an epoch of the test's choice, as an old primary would that knows of no other. */
async function startRogue(
  epoch: bigint,
  uid = pairUid,
  authority: Authority = certificates.pairCa,
): Promise<{ port: number; heartbeats: () => number }> {
  const own = await certificates.leaf({ kind: 'member', trustDomain, pairUid: uid, name: 'x' }, authority, ['server', 'client']);
  const server = new Server();
  let heartbeats = 0;
  server.addService(TerminalLinkService, {
    attach: (call: ServerDuplexStream<Up, Down>) => {
      call.on('error', () => undefined);
      call.on('data', ({ body }: Up) => {
        if (body?.$case === 'heartbeat') heartbeats += 1;
        const welcome = { member: 'x', heartbeatIntervalMs: 200, desired: { newPlay: true, refusals: [], heartbeatIntervalMs: undefined } };
        if (body?.$case === 'hello') call.write({ pairUid, epoch, body: { $case: 'welcome', value: welcome } });
      });
    },
  });
  const trust = [hallAuthority(certificates.hallCa.certificatePem, { trustDomain, hall })];
  const credentials = new RenewableServerCredentials(serverTls(own, trust));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  cleanUps.push(() => Promise.resolve(server.forceShutdown()));
  return { port, heartbeats: () => heartbeats };
}

test('a terminal waits at a standby, is welcomed when it leads, and follows to the other member at a take-over', async () => {
  const a = await startHallProcess(folder.path, 'a', certificates, postgres);
  cleanUps.push(() => a.kill());
  const b = await startHallProcess(folder.path, 'b', certificates, postgres);
  cleanUps.push(() => b.kill());
  const state = join(folder.path, 'state');
  const agent = startAgent([a.port, b.port], { epochs: await fileEpochs(state) });
  a.control({ do: 'lead', epoch: 1 });
  await a.untilEvent('leading');
  await put([a.port], operator, rosterOf('r1', names));
  await until('the terminal is online at a', () => agent.status().isOnline && agent.status().member === 'a');
  await until('a heartbeat was answered', () => agent.status().roundTripUs !== undefined);

  await a.kill();
  b.control({ do: 'lead', epoch: 2 });
  await b.untilEvent('leading');
  await until('the terminal is online at b', () => agent.status().isOnline && agent.status().member === 'b');
  expect(agent.status().epoch).toBe(2n);
  expect(JSON.parse(await readFile(join(state, 'epochs.json'), 'utf8'))).toEqual({ [pairUid]: '2' });

  b.control({ do: 'follow' });
  await until('the terminal lost its leader', () => !agent.status().isOnline);
  b.control({ do: 'lead', epoch: 3 });
  await until('the terminal is online again', () => agent.status().isOnline && agent.status().epoch === 3n);
});

test('a shorter heartbeat interval reaches a connected terminal, which is never taken for offline', async () => {
  const server = await startHallProcess(folder.path, 'a', certificates, postgres);
  cleanUps.push(() => server.kill());
  server.control({ do: 'lead', epoch: 4 });
  await server.untilEvent('leading');
  const withLimits = (revision: string, heartbeat: Partial<HeartbeatLimits>): PutRosterRequest => {
    const request = rosterOf(revision, names);
    return { ...request, roster: { ...request.roster!, heartbeat: HeartbeatLimits.fromPartial(heartbeat) } };
  };
  await put([server.port], operator, withLimits('slow', { intervalMs: 4_000, offlineAfterMs: 12_000, hungAfterMs: 12_000 }));
  await using view = watch(linkTo([server.port], await certificates.client(exporterIdentity)));
  const agent = startAgent([server.port]);
  await until('the terminal is online', () => view.state('t1') === 'ONLINE');
  const calls = agent.status().calls;
  await put([server.port], operator, withLimits('quick', { intervalMs: 200, offlineAfterMs: 1_000, hungAfterMs: 1_000 }));
  await until('it beats at the new pace', () => agent.status().calls > calls + 10);
  expect(view.transitions.filter((one) => one.terminal === 't1').map(({ to }) => stateWord(to))).not.toContain('OFFLINE');
  expect(agent.status().isOnline).toBe(true);
});

test('a terminal that restarted still refuses an old primary', async () => {
  const rogue = await startRogue(2n);
  const agent = startAgent([rogue.port], { epochs: await fileEpochs(join(folder.path, 'state')) });
  await until('the old primary was refused', () => agent.status().failures > 0);
  expect(agent.status().isOnline).toBe(false);
  expect(rogue.heartbeats()).toBe(0);
  const fresh = startAgent([rogue.port]);
  await until('a terminal that knows no epoch obeys', () => fresh.status().isOnline);
});

test('a server that falls silent is left after two and a half intervals', async () => {
  const rogue = await startRogue(1n);
  const agent = startAgent([rogue.port]);
  await until('it was online', () => agent.status().isOnline);
  await until('it left', () => !agent.status().isOnline);
  expect(agent.status().why).toContain('did not answer in time');
  expect(rogue.heartbeats()).toBeGreaterThan(1);
});

test.each<[string, () => Promise<{ port: number }>]>([
  ['of a foreign authority', async () => startRogue(1n, pairUid, await createAuthority({ commonName: 'foreign', nowMs: Date.now() }))],
  ['of another pair', () => startRogue(1n, '11111111-d9cb-469f-a165-70867728950e')],
])('a member %s is refused before anything is said', async (_what, start) => {
  const { port } = await start();
  const agent = startAgent([port]);
  await until('it was refused', () => agent.status().failures > 1);
  expect(agent.status().isOnline).toBe(false);
});

test('the load program runs many terminals, each with its own certificate, and says how they are', async () => {
  const server = await startHallProcess(folder.path, 'a', certificates, postgres);
  cleanUps.push(() => server.kill());
  server.control({ do: 'lead', epoch: 10 });
  await server.untilEvent('leading');
  await put([server.port], operator, rosterOf('r2', names));
  const keys = join(folder.path, 'terminals');
  await mkdir(keys);
  for (const name of names) {
    const leaf = await certificates.leaf(terminalIdentity(name), certificates.hallCa);
    await writeFile(join(keys, `${name}.crt`), leaf.certificatePem);
    await writeFile(join(keys, `${name}.key`), leaf.privateKeyPem.reveal(), { mode: 0o600 });
  }
  const pairCaFile = join(keys, 'pair-ca.crt');
  await writeFile(pairCaFile, certificates.pairCa.certificatePem);
  const config = join(folder.path, 'load.json');
  const endpoint = { port: server.port, addresses: ['127.0.0.1'] };
  await writeFile(
    config,
    JSON.stringify({ hall, pair: { uid: pairUid }, endpoint, pairCaFile, certificateDirectory: keys, terminals: names }),
  );
  const main = new URL('load/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, '--config', config], { stdio: ['pipe', 'pipe', 'inherit'] });
  cleanUps.push(() => Promise.resolve(child.kill('SIGKILL')));
  const lines: LoadStatus[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as LoadStatus));
  const untilStatus = (what: string, check: (status: LoadStatus) => boolean): Promise<true> =>
    until(what, () => {
      child.stdin.write('status\n');
      const last = lines.at(-1);
      return last !== undefined && check(last);
    });
  await untilStatus('all are online', ({ online, total }) => online === names.length && total === names.length);

  server.control({ do: 'follow' });
  await untilStatus('none is online', ({ online }) => online === 0);
  server.control({ do: 'lead', epoch: 11 });
  await untilStatus('all are back', ({ online, epoch }) => online === names.length && epoch === 11);
  expect(lines.at(-1)?.reconnectedSeconds).toBeGreaterThan(0);
  expect(lines.at(-1)?.members).toEqual({ a: names.length });
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});
