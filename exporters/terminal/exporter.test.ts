import { expect, test } from 'vitest';
import type { Clock } from '#lib/base/clock.ts';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import type { FleetEvent } from '#lib/link/watch-fleet.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { firstWordMaxMs, terminalExporter } from './exporter.ts';
import { HorizonWatch, horizonStillMaxMs } from './horizon-watch.ts';
import { aMeasurement, aSnapshot, aTerminal, measurementsOf } from './testing/fleet-events.ts';

const snapshot: FleetEvent = { kind: 'snapshot', epoch: 1n, snapshot: aSnapshot([aTerminal('t-1')]) };
const measured: FleetEvent = { kind: 'measurements', epoch: 1n, measurements: measurementsOf([aMeasurement('t-1')]) };
const maxMs = 30_000;

/** An exporter whose feed says what the test gives it. Its sleeps end at once when `hurry` is called. */
async function anExporter() {
  const waiting: (() => void)[] = [];
  const events: FleetEvent[] = [];
  let offsetMs = 0;
  let wake: () => void = () => undefined;
  let fault: Error | undefined;
  async function* watch(signal: AbortSignal): AsyncGenerator<FleetEvent, void, void> {
    while (!signal.aborted) {
      if (fault !== undefined) throw fault;
      const event = events.shift();
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => ((wake = resolve), signal.addEventListener('abort', () => resolve(), { once: true })));
    }
  }
  const clock: Clock = {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + offsetMs,
    sleep: (ms, signal) =>
      ms < firstWordMaxMs
        ? systemClock.sleep(ms, signal)
        : Promise.race([systemClock.sleep(ms, signal), new Promise<void>((resolve) => waiting.push(resolve))]),
  };
  const { parts, http } = terminalExporter({ hall: 'north', version: '0', address: '127.0.0.1', port: 0, clock, log: silentLog, watch });
  for (const part of parts) await part.start(new AbortController().signal);
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${http.listening.port}${path}`);
  const hallUp = async (): Promise<string | undefined> =>
    /^hallkeeper_hall_up\{.*\} (.*)$/m.exec(await (await get('/metrics')).text())?.[1];
  return {
    get,
    hallUp,
    says: (...told: readonly FleetEvent[]): void => {
      events.push(...told);
      wake();
    },
    breaks: (error: Error): void => {
      fault = error;
      wake();
    },
    hurry: (): void => {
      for (const resolve of waiting.splice(0)) resolve();
    },
    passes: (ms: number): void => void (offsetMs += ms),
    [Symbol.asyncDispose]: async (): Promise<void> => {
      for (const part of parts.toReversed()) await part.stop();
    },
  };
}

test('a restart of the exporter is no outage: nothing is said of the hall before its first word', async () => {
  await using exporter = await anExporter();
  expect(await exporter.hallUp()).toBeUndefined();
  expect((await exporter.get('/-/ready')).status).toBe(503);
  exporter.says(snapshot);
  await eventually('the hall is up', async () => (await exporter.hallUp()) === '1', { maxMs });
});

test('a hall of which nothing is heard for long is down', async () => {
  await using exporter = await anExporter();
  exporter.hurry();
  await eventually('the hall is down', async () => (await exporter.hallUp()) === '0', { maxMs });
});

test('a feed that breaks by a fault of ours makes the exporter unhealthy, and ends nothing else', async () => {
  await using exporter = await anExporter();
  exporter.says(snapshot);
  await eventually('the hall is up', async () => (await exporter.hallUp()) === '1', { maxMs });
  exporter.breaks(new Error('a promise is broken'));
  await eventually('the hall is down', async () => (await exporter.hallUp()) === '0', { maxMs });
  const health = await exporter.get('/-/healthy');
  expect([health.status, await health.text()]).toEqual([503, expect.stringContaining('a promise is broken')]);
});

test('a hall server that cannot write its ledger counts as down, and as up with its next durable second', async () => {
  await using exporter = await anExporter();
  exporter.says(snapshot, measured);
  await eventually('the hall is up', async () => (await exporter.hallUp()) === '1', { maxMs });
  exporter.passes(horizonStillMaxMs);
  exporter.says(measured);
  await eventually('the hall is down', async () => (await exporter.hallUp()) === '0', { maxMs });
  const later = measurementsOf([aMeasurement('t-1')]);
  exporter.says({ kind: 'measurements', epoch: 1n, measurements: { ...later, horizonUnixMs: later.horizonUnixMs + 1n } });
  await eventually('the hall is up again', async () => (await exporter.hallUp()) === '1', { maxMs });
});

test('a horizon is judged by its progress, whatever the clocks of both sides show', () => {
  let nowMs = 5_000;
  const watch = new HorizonWatch({ ...systemClock, nowMs: () => nowMs });
  expect(watch.look(1_000n)).toBeUndefined();
  nowMs += horizonStillMaxMs - 1;
  expect(watch.look(1_000n)).toBeUndefined();
  nowMs += 1;
  expect(watch.look(1_000n)).toContain('1970-01-01T00:00:01.000Z');
  expect(watch.look(1_001n)).toBeUndefined();
});
