import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { watchFleet } from '#lib/link/watch-fleet.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { freePort } from '#test/cluster/ports.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { startHallProcess } from '#test/hall/hall-process.ts';
import { linkTo, put, rosterOf } from '#test/hall/hall-readers.ts';
import { exporterIdentity, hall, linkCertificates, operatorIdentity, terminalIdentity } from '#test/hall/link-certificates.ts';
import { startPlainPostgres } from '#test/hall/plain-postgres.ts';
import { rawTerminal } from '#test/hall/raw-terminal.ts';
import { terminalExporter } from './exporter.ts';

const maxMs = 60_000;
const beatEveryMs = 200;

const state = (terminal: string, name: string): string =>
  `hallkeeper_terminal_state{hall="${hall}",terminal="${terminal}",state="${name}"}`;
const seconds = (terminal: string, name: string): string =>
  `hallkeeper_terminal_state_seconds_total{hall="${hall}",terminal="${terminal}",state="${name}"}`;
const hallUp = `hallkeeper_hall_up{hall="${hall}"}`;

test('the real hall server on a real ledger: states, seconds that never go back over a take-over, and a removal', async () => {
  await using folder = await temporaryFolder('exporter-hall');
  await using postgres = await startPlainPostgres();
  const certificates = await linkCertificates();
  const operator = await certificates.client(operatorIdentity);
  const ports = [await freePort(), await freePort()] as const;
  const link = linkTo(ports, await certificates.client(exporterIdentity));
  const { parts, http } = terminalExporter({
    hall,
    version: '0.1.0',
    address: '127.0.0.1',
    port: 0,
    clock: systemClock,
    log: silentLog,
    watch: (signal) => watchFleet(link, signal),
  });
  for (const part of parts) await part.start(new AbortController().signal);
  const scrape = async (): Promise<ReadonlyMap<string, number>> => {
    const body = await (await fetch(`http://127.0.0.1:${http.listening.port}/metrics`)).text();
    const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))] as const));
  };
  const shows = (series: string, holds: (value: number | undefined) => boolean): Promise<unknown> =>
    eventually(`${series} is as expected`, async () => holds((await scrape()).get(series)), { maxMs, everyMs: 100 });
  /** A terminal that beats at this member, until disposed. */
  const beating = async (port: number, name: string): Promise<Disposable> => {
    const terminal = rawTerminal(port, await certificates.client(terminalIdentity(name)), name);
    terminal.hello();
    await terminal.until('welcome');
    const timer = setInterval(() => terminal.beat(), beatEveryMs);
    const dispose = (): void => {
      clearInterval(timer);
      terminal[Symbol.dispose]();
    };
    return { [Symbol.dispose]: dispose };
  };
  try {
    let creditedBefore: number;
    {
      await using first = await startHallProcess(folder.path, 'a', certificates, postgres, ports[0]);
      first.control({ do: 'lead', epoch: 1 });
      await first.untilEvent('ledger');
      await put([ports[0]], operator, rosterOf('r1', ['t1', 't2']));
      using _beats = await beating(ports[0], 't1');
      await shows(hallUp, (value) => value === 1);
      await shows(state('t1', 'online'), (value) => value === 1);
      await shows(state('t2', 'offline'), (value) => value === 1);
      await shows(seconds('t1', 'online'), (value) => (value ?? 0) > 0);
      await shows(`hallkeeper_terminal_last_seen_timestamp_seconds{hall="${hall}",terminal="t1"}`, (value) => (value ?? 0) > 1.7e9);
      creditedBefore = (await scrape()).get(seconds('t1', 'online')) ?? 0;
    }
    await shows(hallUp, (value) => value === 0);
    expect([...(await scrape()).keys()].filter((series) => series.startsWith('hallkeeper_terminal_'))).toEqual([]);
    await using second = await startHallProcess(folder.path, 'b', certificates, postgres, ports[1]);
    second.control({ do: 'lead', epoch: 2 });
    using _beats = await beating(ports[1], 't1');
    await shows(hallUp, (value) => value === 1);
    await shows(state('t1', 'online'), (value) => value === 1);
    expect((await scrape()).get(seconds('t1', 'online'))).toBeGreaterThanOrEqual(creditedBefore);
    await shows(seconds('t1', 'online'), (value) => (value ?? 0) > creditedBefore);
    await put([ports[1]], operator, rosterOf('r2', ['t1']));
    await shows(state('t2', 'offline'), (value) => value === undefined);
    expect([...(await scrape()).keys()].filter((series) => series.includes('"t2"'))).toEqual([]);
  } finally {
    for (const part of parts.toReversed()) await part.stop();
  }
}, 240_000);
