import { constants } from 'node:fs';
import { open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PostgresInstance } from '#lib/postgres/instance.ts';
import type { RealPair } from '#lib/postgres/testing/real-pair.ts';
import { joinedPair, soon, testPorts } from '#lib/postgres/testing/real-pair.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { admit } from './act-admit.ts';
import type { AdmissionLane } from './act-admit.ts';

const refusedMs = 1_000;
const waits = { maxMs: 30_000 };

function laneOf(instance: PostgresInstance): AdmissionLane {
  return { instance, peer: 'b', clock: testPorts.clock, control: instance.openLine('control'), waiting: instance.openLine('proof') };
}

/**
 * Lets the checkpointer alone read that nobody is waited for, and holds it before it tells anybody: the last file that it reads, which it
 * reads right after, is a pipe that nobody writes to. Everybody else has read that it already, and finds the file as it was.
 */
async function holdCheckpointerAtNone({ a, settingsOf }: RealPair): Promise<() => Promise<void>> {
  const { rows } = await a.openLine('pid').query(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`, [], soon());
  const pid = Number(rows[0]?.['pid']);
  const file = join(settingsOf('a').dataDirectory, 'postgresql.auto.conf');
  process.kill(pid, 'SIGSTOP');
  await a.setGate('none', soon());
  await runTool('mkfifo', ['-m', '666', `${file}.pipe`]);
  await rename(`${file}.pipe`, file);
  process.kill(pid, 'SIGCONT');
  // Opening for writing without waiting is refused for as long as nobody reads.
  const pipe = await eventually(
    'the checkpointer reads the pipe',
    () => open(file, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined),
    waits,
  );
  await writeFile(`${file}.empty`, '', { mode: 0o600 });
  await rename(`${file}.empty`, file);
  return () => pipe.close();
}

test('an admission is not proven by the gate of the attempt before, which the checkpointer is about to lift', async () => {
  await using pair = await joinedPair();
  const lane = laneOf(pair.a);
  await admit(lane, soon());
  const goOn = await holdCheckpointerAtNone(pair);
  await expect(admit(lane, AbortSignal.timeout(refusedMs))).rejects.toThrow(/aborted due to timeout/);
  await goOn();
  await pair.a.setGate('none', soon());
  await admit(lane, soon());
  expect(await pair.a.commitSynchronous(pair.a.openLine('client'), soon())).toBeGreaterThan(0n);
}, 120_000);
