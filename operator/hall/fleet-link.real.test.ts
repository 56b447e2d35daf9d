import { Server } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { RenewableServerCredentials } from '#lib/link/credentials.ts';
import { FleetService, FleetSnapshot } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import type { WatchAnswer, WatchRequest } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { FleetAdminService } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import type { PutRosterAnswer, PutRosterRequest } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import { pairAuthority, serverTls } from '#lib/pki/trust.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { rosterOf } from '#test/hall/hall-readers.ts';
import { hall, linkCertificates, operatorIdentity, pairUid, trustDomain } from '#test/hall/link-certificates.ts';
import { FleetLink } from './fleet-link.ts';

const maxMs = 30_000;

/** A hall server whose feed tells of roster `r1`, and which has stored `r2` in the meantime. */
async function anAdvancedHall() {
  const certificates = await linkCertificates();
  const own = await certificates.leaf({ kind: 'member', trustDomain, pairUid, name: 'a' }, certificates.pairCa, ['server', 'client']);
  const trust = [pairAuthority(certificates.pairCa.certificatePem, { trustDomain, pairUid })];
  const server = new Server();
  const asked: PutRosterRequest[] = [];
  server.addService(FleetService, {
    watch: (call: ServerWritableStream<WatchRequest, WatchAnswer>) => {
      call.on('error', () => undefined);
      const value = FleetSnapshot.fromPartial({ hall, rosterRevision: 'r1', number: 1n });
      call.write({ pairUid, epoch: 1n, body: { $case: 'snapshot', value } });
    },
    history: () => undefined,
  });
  server.addService(FleetAdminService, {
    putRoster: (call: ServerUnaryCall<PutRosterRequest, PutRosterAnswer>, callback: sendUnaryData<PutRosterAnswer>) => {
      asked.push(call.request);
      const isExpected = call.request.expectedRevision === undefined || call.request.expectedRevision === 'r2';
      const revision = call.request.roster?.revision ?? '';
      const body = isExpected
        ? ({ $case: 'stored', value: { revision } } as const)
        : ({ $case: 'conflict', value: { storedRevision: 'r2' } } as const);
      callback(null, { pairUid, epoch: 1n, body });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', new RenewableServerCredentials(serverTls(own, trust)), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const operator = await certificates.leaf(operatorIdentity, certificates.pairCa);
  const credentials = { trustDomain, own: operator, trust, fingerprint: '1' };
  const address = { pairUid, endpoints: [{ address: '127.0.0.1', port }], credentials };
  return { address, asked, [Symbol.dispose]: () => server.forceShutdown() };
}

test('a roster replaces what the feed told and nothing newer: a conflict is an attempt that failed', async () => {
  using server = await anAdvancedHall();
  const ports = { clock: systemClock, random: seededRandom(1), log: silentLog, changed: () => undefined };
  const link = new FleetLink(server.address, ports);
  try {
    await eventually('the feed is followed', () => link.picture.rosterRevision === 'r1', { maxMs });
    const { roster } = rosterOf('r0', ['t1']);
    if (roster === undefined) throw new Error('there is a roster');
    await link.store(roster, AbortSignal.timeout(maxMs));
    expect(server.asked.map(({ expectedRevision }) => expectedRevision)).toEqual(['r1']);
    expect(link.attempt).toMatchObject({ revision: 'r0', stored: false, refused: false, why: expect.stringContaining('r2') as string });
  } finally {
    await link.close();
  }
});

test('a fault in taking an event is no end of the feed', async () => {
  using server = await anAdvancedHall();
  let calls = 0;
  const changed = (): void => {
    calls += 1;
    if (calls === 1) throw new Error('whoever is told fails');
  };
  const link = new FleetLink(server.address, { clock: systemClock, random: seededRandom(1), log: silentLog, changed });
  try {
    await eventually('it is told again', () => calls > 1, { maxMs });
    expect(link.picture).toMatchObject({ connected: true, rosterRevision: 'r1' });
  } finally {
    await link.close();
  }
});
