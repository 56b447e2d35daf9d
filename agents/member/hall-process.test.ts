import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import type { HallEvent } from '#hall/contract.ts';
import { HallProcess } from './hall-process.ts';

/** A child that writes down what it is told and ends with its input, as a hall server does. `crash` in an order ends it at once. */
const program = `
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
const file = process.argv[1];
appendFileSync(file, JSON.stringify({ pid: process.pid }) + '\\n');
for await (const line of createInterface({ input: process.stdin })) {
  appendFileSync(file, line + '\\n');
  if (JSON.parse(line).epoch === 13) process.exit(1);
  process.stdout.write('garbage\\n' + JSON.stringify({ event: 'falseAck', total: 1 }) + '\\n');
}
appendFileSync(file, JSON.stringify({ ended: process.pid }) + '\\n');
`;
const waits = { maxMs: 25_000 } as const;
let folder: TemporaryFolder;
let heard: HallEvent[];
let stop: AbortController;
let running: Promise<void>;
let hall: HallProcess;
const told = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  (await readFile(join(folder.path, 'told'), 'utf8').catch(() => ''))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

beforeEach(async () => {
  folder = await temporaryFolder('hall');
  await writeFile(join(folder.path, 'told'), '');
  heard = [];
  stop = new AbortController();
  hall = new HallProcess({
    command: [process.execPath, '--input-type=module', '-e', program, join(folder.path, 'told')],
    account: undefined,
    clock: systemClock,
    log: silentLog,
    heard: (event) => void heard.push(event),
  });
  running = hall.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await running;
  await folder.remove();
});

test('it is told to follow first, then whatever is ordered, and what it says is heard', async () => {
  await eventually('it follows', async () => (await told()).some((line) => line['do'] === 'follow'), waits);
  hall.order({ do: 'lead', epoch: 4 });
  await eventually('it leads', async () => (await told()).some((line) => line['do'] === 'lead' && line['epoch'] === 4), waits);
  await eventually('it was heard', () => heard.length > 0, waits);
  expect(heard[0]).toEqual({ event: 'falseAck', total: 1 });
});

test('one that ends by itself is started again and told the last order', async () => {
  await eventually('it runs', async () => (await told()).length > 1, waits);
  hall.order({ do: 'lead', epoch: 13 });
  await eventually(
    'a second process is told the same',
    async () => (await told()).filter((line) => line['epoch'] === 13).length >= 2,
    waits,
  );
  const pids = (await told()).filter((line) => 'pid' in line).map((line) => line['pid']);
  expect(new Set(pids).size).toBeGreaterThan(1);
});

test('it ends with the agent, by the end of its input', async () => {
  await eventually('it runs', async () => (await told()).length > 1, waits);
  stop.abort();
  await running;
  expect((await told()).at(-1)).toHaveProperty('ended');
});
