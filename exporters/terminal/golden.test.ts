import { expect, test } from 'vitest';
import { silentLog } from '#lib/base/log.ts';
import { Exposition } from '#lib/exposition/exposition.ts';
import type { Format } from '#lib/exposition/format.ts';
import { programFamilies } from '#lib/http/program-families.ts';
import { TerminalState } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { FleetCollector } from './fleet-collector.ts';
import { aMeasurement, aSnapshot, aTerminal, measurementsOf } from './testing/fleet-events.ts';

/** Three terminals with names that need escaping, one of them never heard. */
async function exposition(format: Format): Promise<string> {
  const collector = new FleetCollector({ hall: 'north', terminalsMax: 10 });
  const odd = { profile: { name: 'терминал-"3"\\', model: 'Модель\n7', zone: '🎰' }, state: TerminalState.TERMINAL_STATE_HUNG };
  const terminals = [aTerminal('t-1'), aTerminal('t-2', TerminalState.TERMINAL_STATE_OFFLINE), odd];
  collector.apply({ kind: 'snapshot', epoch: 1n, snapshot: aSnapshot(terminals) });
  const measurements = [aMeasurement('t-1', 86_400_125n), aMeasurement(odd.profile.name)];
  collector.apply({ kind: 'measurements', epoch: 1n, measurements: measurementsOf(measurements) });
  const clock = { nowMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() };
  const all = new Exposition([collector], programFamilies, { clock, log: silentLog, yieldTurn: () => Promise.resolve() });
  const { signal } = new AbortController();
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await all.collect(signal)).chunks(format, signal)) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks).toString();
}

test('the text exposition is the pinned one', async () => expect(await exposition('text')).toMatchFileSnapshot('golden/terminals.txt'));

test('the OpenMetrics exposition is the pinned one', async () =>
  expect(await exposition('openmetrics')).toMatchFileSnapshot('golden/terminals.openmetrics'));

test('both have the same samples, each series once', async () => {
  const samples = async (format: Format): Promise<readonly string[]> =>
    (await exposition(format)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const inText = await samples('text');
  const series = inText.map((line) => line.slice(0, line.lastIndexOf(' ')));
  expect(await samples('openmetrics')).toEqual(inText);
  expect(new Set(series).size).toBe(series.length);
});
