import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FailoverPairStatus, FailoverPairStatusMember } from '#lib/api/failoverpair.gen.ts';
import type { PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import type { PairOperation, PairOperationStatus } from '#lib/api/pairoperation.gen.ts';
import { namespace, repositoryRoot, startApiServer } from '#test/api/api-server.ts';
import type { ApiServer, Manifest } from '#test/api/api-server.ts';
import { aPair, aPairRecord } from '#test/api/builders.ts';
import { startHallctl } from '#test/api/hallctl.ts';
import type { HallctlEnd, RunningHallctl } from '#test/api/hallctl.ts';
import { loseRecord } from '#test/api/lose-record.ts';
import { renewLease } from '#test/api/operator-lease.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { aPrimaryStatus, aStandbyStatus } from './testing/pairs.ts';

/** hallctl as people start it, each with his own rights, against a real API server on which the test plays the operator. */
let server: ApiServer;
let uid: string;
let renewing: ReturnType<typeof setInterval> | undefined;
const people = { olga: 'hallkeeper-hall-operator', tom: 'hallkeeper-hall-technician', ada: 'hallkeeper-hall-administrator' } as const;
type Person = keyof typeof people;
const patience = { maxMs: 60_000, everyMs: 200 };

beforeAll(async () => {
  server = await startApiServer({ users: Object.keys(people).map((name) => ({ name })) });
  for (const [user, role] of Object.entries(people)) {
    await server.kubectl('create', 'rolebinding', user, `--clusterrole=${role}`, `--user=${user}`);
  }
  await server.kubectl('apply', '--namespace', system, '--server-side', '-f', join(repositoryRoot, 'operator', 'rbac.yaml'));
  await beAlive();
  const created = await server.create(aPair());
  uid = (created.body['metadata'] as { readonly uid: string }).uid;
  await writeRecord({ mode: 'Sync', primary: 'a', epoch: 3, sequence: 9 });
  await tell({ members: [aPrimaryStatus(), aStandbyStatus()] });
  await eventually('roles are in force', () => server.mayDo('ada', 'update', 'pairrecords/adopt'), patience);
}, 240_000);

afterAll(async () => {
  clearInterval(renewing);
  await server?.[Symbol.asyncDispose]();
});

const system = 'hallkeeper-system';

/** The operator, as far as its Lease tells: until `renewing` is cleared. */
async function beAlive(): Promise<void> {
  await renewLease(server);
  renewing = setInterval(() => void renewLease(server).catch(() => undefined), 4_000);
}

const labelled = (spec: Partial<PairRecordSpec>): Manifest => {
  const labels = { 'app.kubernetes.io/managed-by': 'hallkeeper', 'hallkeeper.dev/pair': 'pair-7', 'hallkeeper.dev/owner-uid': uid };
  return aPairRecord({ labels, spec: { systemIdentifier: '7400000000000000000', ...spec } });
};

async function writeRecord(spec: Partial<PairRecordSpec>): Promise<void> {
  expect(await server.create(labelled(spec))).toMatchObject({ code: 201 });
}

async function tell(change: Partial<FailoverPairStatus>): Promise<void> {
  const { body } = await server.read('FailoverPair', 'pair-7');
  const status = { mode: 'Sync', primary: 'a', standby: 'b', epoch: 3, ...(body['status'] as object | undefined), ...change };
  expect(await server.updateStatus({ ...(body as unknown as Manifest), status } as Manifest)).toMatchObject({ code: 200 });
}

const start = async (person: Person | 'admin', args: readonly string[]): Promise<RunningHallctl> =>
  startHallctl(await server.controlPlane.kubeconfigFile(person), args);

const hallctl = async (person: Person | 'admin', ...args: readonly string[]): Promise<HallctlEnd> => (await start(person, args)).ended;

describe('looking', () => {
  test('whoever may see the pair is told what it is and what it would do', async () => {
    const status = await hallctl('olga', 'status', 'pair-7');
    expect(status).toMatchObject({ code: 0, err: '' });
    expect(status.out).toContain(`pair-7 in ${namespace}: mode Sync, epoch 3, primary a (10.20.0.11), standby b (10.20.0.12)`);
    const explained = await hallctl('olga', 'explain', 'pair-7');
    expect(explained).toMatchObject({ code: 0, err: '' });
    expect(explained.out).toContain('if a died now, b would take over');
    expect(JSON.parse((await hallctl('olga', 'explain', 'pair-7', '--json')).out)).toMatchObject({ ok: true, takesOver: true, by: 'b' });
  });

  test('a pair that would stand still has an exit code of its own', async () => {
    await tell({ members: [aPrimaryStatus(), aStandbyStatus({ arbiterReached: false })] });
    const { code, out } = await hallctl('olga', 'explain', 'pair-7');
    expect(code).toBe(3);
    expect(out).toContain('nobody would take over (ArbiterUnreachable)');
    await tell({ members: [aPrimaryStatus(), aStandbyStatus()] });
  });

  test('while nobody serves, that comes first and has an exit code of its own', async () => {
    await tell({
      members: [{ name: 'a', heard: 'NotHeard', reachable: false }, aStandbyStatus({ streaming: false, arbiterReached: false })],
    });
    const { code, out } = await hallctl('olga', 'explain', 'pair-7');
    expect(code).toBe(6);
    expect(out).toMatch(/^pair-7 in hall-7: Nobody serves clients now/);
    await tell({ members: [aPrimaryStatus(), aStandbyStatus()] });
  });

  test('while the operator is away nothing is called well', async () => {
    clearInterval(renewing);
    // One renewal may still be under way.
    await eventually(
      'the Lease is old',
      async () => {
        await renewLease(server, 60_000);
        return (await hallctl('olga', 'explain', 'pair-7')).code === 7;
      },
      patience,
    );
    const { code, out } = await hallctl('olga', 'status', 'pair-7', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([7, { stale: true, mode: 'Sync' }]);
    const named = await hallctl('olga', 'explain', 'pair-7', '--operator', 'hallkeeper-system/other');
    expect(named).toMatchObject({ code: 7, out: expect.stringContaining('Whether the operator lives is not known') as string });
    await beAlive();
    expect((await hallctl('olga', 'explain', 'pair-7')).code).toBe(0);
  });

  test('a pair that is not there is named with those that are', async () => {
    const { code, err } = await hallctl('olga', 'status', 'pair-8');
    expect(code).toBe(1);
    expect(err).toContain('there is no such FailoverPair: pair-8 in namespace hall-7; there is pair-7');
    expect(JSON.parse((await hallctl('olga', 'status', 'pair-8', '--json')).out)).toMatchObject({
      ok: false,
      problems: [expect.any(String)],
    });
  });

  test('watching shows each change until it is ended', async () => {
    const { child, ended, out: seen } = await start('olga', ['status', 'pair-7', '--watch', '--json']);
    await eventually('the first state is shown', () => seen().includes('"mode":"Sync"'), patience);
    await tell({ members: [aPrimaryStatus(), aStandbyStatus({ step: 'rejoin 40 %' })] });
    await eventually('the change is shown', () => seen().includes('rejoin 40 %'), patience);
    child.kill('SIGINT');
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(2);
    await tell({ members: [aPrimaryStatus(), aStandbyStatus()] });
  });
});

/** Plays the operator for the one operation that is not finished. */
async function answer(status: PairOperationStatus): Promise<string> {
  return await eventually(
    'an operation is there',
    async () => {
      const list = JSON.parse(await server.kubectl('get', 'pairoperations', '-o', 'json')) as {
        readonly items: readonly (Manifest & { readonly status?: PairOperationStatus })[];
      };
      const open = list.items.find((item) => item.status?.completedAt === undefined);
      if (open === undefined) return undefined;
      expect(await server.updateStatus({ ...open, status } as Manifest)).toMatchObject({ code: 200 });
      return open.metadata.name;
    },
    patience,
  );
}
const at = '2026-01-02T03:04:05Z';
const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: at,
});

describe('a switchover', () => {
  test('is followed to its end, with its report', async () => {
    const running = hallctl('tom', 'switchover', 'pair-7', '--to', 'b', '--reason', 'a new disk');
    await answer({
      startedAt: at,
      completedAt: at,
      conditions: [condition('Complete', 'True', 'Done', 'b leads in epoch 4')],
      report: { epoch: 4, from: 'a', to: 'b', writeOutageMs: 310, phases: { decide: 9 } },
    });
    const { code, out, err } = await running;
    expect([code, out]).toEqual([0, expect.stringContaining('b leads instead of a in epoch 4, 0.31 s without an acknowledged write')]);
    expect(err).toMatch(/pair-7-switchover-\w+ is created; it must begin by/);
  });

  test.each([
    ['Refused', 3],
    ['Expired', 4],
  ] as const)('that ends as %s leaves with %d', async (reason, code) => {
    const running = hallctl('tom', 'drill', 'pair-7', '--kind', 'switchover', '--json');
    await answer({ completedAt: at, conditions: [condition('Failed', 'True', reason, 'the pair is paused')] });
    const ended = await running;
    expect(ended.code).toBe(code);
    expect(JSON.parse(ended.out)).toMatchObject({ ok: false, state: reason, says: 'the pair is paused', type: 'Switchover', member: 'b' });
  });

  test('goes on when Ctrl-C ends the following', async () => {
    const { child, ended, err: said } = await start('tom', ['switchover', 'pair-7']);
    await eventually('it is followed', () => said().includes('waiting'), patience);
    await answer({ startedAt: at, conditions: [condition('Complete', 'False', 'Running', 'the primary was asked')] });
    await eventually('it is shown as begun', () => said().includes('running: the primary was asked'), patience);
    child.kill('SIGINT');
    const { code, out } = await ended;
    expect(code).toBe(5);
    expect(out).toContain('it goes on without us');
    await answer({ completedAt: at, conditions: [condition('Failed', 'True', 'Aborted', 'over')] });
  });

  test('is refused at once where it can be known, and to whom it is not allowed', async () => {
    expect(await hallctl('tom', 'switchover', 'pair-7', '--to', 'a')).toMatchObject({
      code: 3,
      err: expect.stringContaining('a is the primary already') as string,
    });
    const { code, err } = await hallctl('olga', 'switchover', 'pair-7');
    expect(code).toBe(3);
    expect(err).toContain('you need the right to create pairoperations (the role hallkeeper-hall-technician has it)');
    expect(await hallctl('tom', 'drill', 'pair-7', '--kind', 'party')).toMatchObject({ code: 2 });
  });
});

describe('a pause', () => {
  const done = (message: string): PairOperationStatus => ({
    startedAt: at,
    completedAt: at,
    conditions: [condition('Complete', 'True', 'Done', message)],
  });

  test('and its end are asked for and followed', async () => {
    const pausing = hallctl('tom', 'pause', 'pair-7', '--reason', 'new switches');
    const name = await answer(done('both members make no failover'));
    expect(name).toMatch(/^pair-7-pause-/);
    const paused = await pausing;
    expect([paused.code, paused.out]).toEqual([0, expect.stringContaining('Nobody takes over until: hallctl pair resume pair-7')]);
    const { spec } = (await server.read('PairOperation', name)).body as unknown as PairOperation;
    expect(spec).toMatchObject({ type: 'Pause', reason: 'new switches' });
    await server.kubectl('annotate', 'failoverpair', 'pair-7', `hallkeeper.dev/paused-by=${name}`);
    expect((await hallctl('olga', 'status', 'pair-7')).out).toContain(`paused by the PairOperation ${name} of tom, made at`);
    const resuming = hallctl('tom', 'resume', 'pair-7', '--json');
    await answer(done('both members may fail over again'));
    const resumed = await resuming;
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.out)).toMatchObject({ ok: true, type: 'Resume', member: null, says: 'both members may fail over again' });
    await server.kubectl('annotate', 'failoverpair', 'pair-7', 'hallkeeper.dev/paused-by-');
  });

  test('is not ended where there is none', async () => {
    const before = JSON.parse(await server.kubectl('get', 'pairoperations', '-o', 'json')) as { readonly items: readonly unknown[] };
    expect(await hallctl('tom', 'resume', 'pair-7')).toMatchObject({ code: 0, out: 'pair-7 is not paused: nothing was asked for.\n' });
    const after = JSON.parse(await server.kubectl('get', 'pairoperations', '-o', 'json')) as { readonly items: readonly unknown[] };
    expect(after.items).toHaveLength(before.items.length);
  });

  test('that the spec asks for is not ended by an operation', async () => {
    await server.kubectl('patch', 'failoverpair', 'pair-7', '--type=merge', '-p', '{"spec":{"paused":true}}');
    const { code, err } = await hallctl('tom', 'resume', 'pair-7');
    expect(code).toBe(3);
    expect(err).toContain('spec.paused of the pair is true, and an operation does not change a spec: set it to false there');
    await server.kubectl('patch', 'failoverpair', 'pair-7', '--type=merge', '-p', '{"spec":{"paused":false}}');
  });

  test('is not for whoever only looks', async () => {
    const { code, out } = await hallctl('olga', 'pause', 'pair-7', '--json');
    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      problems: [expect.stringContaining('the right to create pairoperations') as string],
    });
  });
});

describe('copying a standby anew', () => {
  const count = async (): Promise<number> =>
    (JSON.parse(await server.kubectl('get', 'pairoperations', '-o', 'json')) as { readonly items: readonly unknown[] }).items.length;

  test('says what is deleted, asks a person, and takes no answer for none', async () => {
    const before = await count();
    const { code, err } = await hallctl('tom', 'reinitialize', 'pair-7', 'b');
    expect(code).toBe(3);
    expect(err).toContain('The whole database of b is deleted and copied anew from a.');
    expect(err).toContain('there is nobody to ask for confirmation; give --yes');
    const { out, ...told } = await hallctl('tom', 'reinitialize', 'pair-7', 'b', '--json');
    expect(told).toEqual({ code: 3, err: '' });
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/The whole database of b is deleted.*give --yes/)],
    });
    expect(await count()).toBe(before);
  });

  test('is refused for who leads and for who is no member, also with --yes, and needs to be told whose it is', async () => {
    const before = await count();
    for (const [member, says] of [
      ['a', 'a leads: only a standby is copied anew; switch over first'],
      ['c', 'pair-7 has the members a and b, not c'],
    ] as const) {
      const { code, err } = await hallctl('tom', 'reinitialize', 'pair-7', member, '--yes');
      expect([code, err]).toEqual([3, expect.stringContaining(says)]);
      expect(err).not.toContain('deleted');
    }
    expect(await hallctl('tom', 'reinitialize', 'pair-7', '--yes')).toMatchObject({
      code: 2,
      err: expect.stringContaining('MEMBER') as string,
    });
    expect(await count()).toBe(before);
  });

  test('is followed through its steps to its end', async () => {
    const { ended, err: said } = await start('tom', ['reinitialize', 'pair-7', 'b', '--yes', '--reason', 'its disk was replaced']);
    const running = (message: string) => ({ startedAt: at, conditions: [condition('Complete', 'False', 'Running', message)] });
    const name = await answer(running('b: copying 40 %'));
    await eventually('the step is shown', () => said().includes('running: b: copying 40 %'), patience);
    await answer({
      startedAt: at,
      completedAt: at,
      conditions: [condition('Complete', 'True', 'Done', 'b has a new copy, and is waited for again')],
    });
    const { code, out, err } = await ended;
    expect([code, out]).toEqual([0, `${name}: done: b has a new copy, and is waited for again.\n`]);
    expect(err).toContain('The whole database of b is deleted and copied anew from a.');
    const { spec } = (await server.read('PairOperation', name)).body as unknown as PairOperation;
    expect(spec).toMatchObject({ type: 'Reinitialize', member: 'b', reason: 'its disk was replaced' });
  });

  test.each(['pause', 'resume', 'reinitialize'])('hallctl pair %s --help says what it does and how it ends', async (verb) => {
    const { code, out } = await hallctl('tom', verb, '--help');
    expect(code).toBe(0);
    expect(out).toMatch(/usage: hallctl pair \w+ .*PAIR/);
    for (const word of ['--reason TEXT', '--json', '3 refused', '4 not begun within 15 minutes', '5 not waited for'])
      expect(out).toContain(word);
  });
});

describe('adopting', () => {
  const frozen = 'the record is missing';
  let seconds = 10;
  /** Both members froze, and the operator tells their positions anew each second until it is stopped. */
  function compare(a: Partial<FailoverPairStatusMember> = {}, b: Partial<FailoverPairStatusMember> = {}): () => Promise<void> {
    const stop = new AbortController();
    const running = (async () => {
      while (!stop.signal.aborted) {
        seconds += 1;
        const position = {
          flushed: '0/5000000',
          exact: true,
          seenAt: `2026-01-02T03:${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}Z`,
        };
        await tell({ members: [aPrimaryStatus({ frozen, position, ...a }), aStandbyStatus({ frozen, position, ...b })] });
        await new Promise((resolve) => void setTimeout(resolve, 1_000));
      }
    })();
    return async () => {
      stop.abort();
      await running;
    };
  }

  test('is refused while the record is not lost, and for a member that is none', async () => {
    expect(await hallctl('ada', 'adopt', 'pair-7', '--primary', 'a', '--yes')).toMatchObject({
      code: 3,
      err: expect.stringContaining('the record is not lost') as string,
    });
    expect(await hallctl('ada', 'adopt', 'pair-7', '--primary', 'c', '--yes')).toMatchObject({
      code: 3,
      err: expect.stringContaining('not c') as string,
    });
    expect(await hallctl('ada', 'adopt', 'pair-7')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--primary MEMBER is required') as string,
    });
  });

  test('names every right that is missing before anything is changed', async () => {
    await loseRecord(server);
    const stop = compare();
    try {
      const { code, err } = await hallctl('tom', 'adopt', 'pair-7', '--primary', 'a', '--yes');
      expect(code).toBe(3);
      expect(err).toContain('you lack the right to update pairrecords/adopt, to create pairrecords in namespace hall-7');
      expect((await server.read('PairRecord', 'pair-7')).code).toBe(404);
    } finally {
      await stop();
    }
  });

  test('asks a person, and takes no answer for none', async () => {
    const stop = compare();
    try {
      const { code, err } = await hallctl('ada', 'adopt', 'pair-7', '--primary', 'a');
      expect(code).toBe(3);
      expect(err).toContain('b streams from a, so it holds nothing that a lacks');
      expect(err).toContain('there is nobody to ask for confirmation; give --yes');
      expect((await server.read('PairRecord', 'pair-7')).code).toBe(404);
    } finally {
      await stop();
    }
  });

  test('is refused when something would be lost, and says what', async () => {
    const stop = compare({ waitsFor: 'Nobody' });
    try {
      const { code, out } = await hallctl('ada', 'adopt', 'pair-7', '--primary', 'b', '--yes', '--json');
      expect(code).toBe(3);
      expect(JSON.parse(out)).toMatchObject({
        ok: false,
        problems: [expect.stringContaining('a is the primary and commits alone') as string],
      });
      expect((await server.read('PairRecord', 'pair-7')).code).toBe(404);
    } finally {
      await stop();
    }
  });

  test('writes the record by the rules of the definition, and says that the pair is not whole yet when it is told to leave', async () => {
    const stop = compare();
    const { child, ended, err: said } = await start('ada', ['adopt', 'pair-7', '--primary', 'a', '--yes', '--json']);
    await eventually('the record is written', () => said().includes('the record is written'), patience);
    await stop();
    child.kill('SIGINT');
    const { code, out } = await ended;
    expect(code).toBe(5);
    const told = JSON.parse(out) as { readonly epoch: number; readonly sequence: number };
    expect(told).toMatchObject({ ok: true, primary: 'a', epoch: 4, synchronous: false, losses: [] });
    const { spec, metadata } = (await server.read('PairRecord', 'pair-7')).body as unknown as {
      spec: PairRecordSpec;
      metadata: Manifest['metadata'];
    };
    expect(spec).toMatchObject({
      mode: 'Solo',
      primary: 'a',
      epoch: 4,
      sequence: told.sequence,
      author: 'ada',
      systemIdentifier: '7400000000000000000',
    });
    expect(metadata).toMatchObject({ labels: { 'hallkeeper.dev/owner-uid': uid } });
  });

  test('puts it in the place of one that was changed by hand, and waits until the pair is whole', async () => {
    await tell({ epoch: 4 });
    const stop = compare({ frozen: 'the record went back' }, { frozen: 'the record went back' });
    const { ended, err: said } = await start('ada', ['adopt', 'pair-7', '--primary', 'a', '--yes', '--reason', 'restored from a backup']);
    await eventually('the record is written', () => said().includes('the record is written'), patience);
    await stop();
    const { body } = await server.read('PairRecord', 'pair-7');
    const { spec } = body as unknown as { readonly spec: PairRecordSpec };
    expect(spec).toMatchObject({ mode: 'Solo', epoch: 5, reason: 'restored from a backup: adopted a' });
    const file = join(server.controlPlane.directory, 'admitted.json');
    await writeFile(file, JSON.stringify({ ...body, spec: { ...spec, mode: 'Sync', sequence: spec.sequence + 1 } }));
    await server.kubectl('replace', '-f', file);
    const { code, out } = await ended;
    expect([code, out]).toEqual([0, 'pair-7: a leads in epoch 5, and the pair is in mode Sync again.\n']);
  });

  test('makes a member lead whose lone primary is gone, with what is lost by name', async () => {
    await loseRecord(server);
    await writeRecord({ mode: 'Solo', primary: 'a', epoch: 6, sequence: 40 });
    await tell({ epoch: 6, members: [{ name: 'a', heard: 'NotHeard', reachable: false }, aStandbyStatus({ streaming: false })] });
    const refused = await hallctl('ada', 'adopt', 'pair-7', '--primary', 'b', '--yes');
    expect(refused.code).toBe(3);
    expect(refused.err).toMatch(
      /LOST: a is not heard.*switch it off first.*Start a, or, when it is gone for good, go on with --accept-loss/s,
    );
    expect(refused.err).not.toContain('Choose a');
    const { ended, err: said } = await start('ada', ['adopt', 'pair-7', '--primary', 'b', '--yes', '--accept-loss']);
    await eventually('the record is written', () => said().includes('the record is written'), patience);
    const knows = { mode: 'Solo', primary: 'b', epoch: 8, sequence: 99 } as const;
    const leads = { role: 'Primary', waitsFor: 'Nobody', streaming: false, step: 'leading alone', knows } as const;
    await tell({ epoch: 8, primary: 'b', members: [{ name: 'a', heard: 'NotHeard', reachable: false }, aStandbyStatus(leads)] });
    const { code, out, err } = await ended;
    expect(code).toBe(5);
    expect(err).toContain('clients are served again, by b');
    expect(out).toContain('a is not heard');
    expect(out).toContain('hallctl pair status pair-7 -n hall-7 --watch');
    const { spec } = (await server.read('PairRecord', 'pair-7')).body as unknown as { readonly spec: PairRecordSpec };
    expect(spec).toMatchObject({ mode: 'Solo', primary: 'b', epoch: 8, reason: expect.stringContaining('loss accepted') as string });
  });
});
