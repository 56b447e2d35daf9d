import { expect, test } from 'vitest';
import type { Logger } from '#lib/base/log.ts';
import { silentLog } from '#lib/base/log.ts';
import { chunkBytes } from './chunk-writer.ts';
import { constantSamples } from './constant-samples.ts';
import { Exposition } from './exposition.ts';
import type { Scrape } from './exposition.ts';
import { defineFamilies } from './family.ts';
import type { Format } from './format.ts';
import { HistogramColumn } from './histogram-column.ts';
import { InfoColumn } from './info-column.ts';
import type { Collector } from './samples.ts';
import { SeriesTable } from './series-table.ts';
import { StateColumn } from './state-column.ts';
import { ValueColumn } from './value-column.ts';

const since = '0.1.0';
const place = { room: 'any', lamp: 'any' } as const;
const states = ['on', 'off', 'broken'] as const;

const families = defineFamilies({
  success: { name: 'scrape_success', kind: 'gauge', labels: { collector: 'any' }, help: 'Success.', since },
  durationSeconds: { name: 'scrape_took_seconds', kind: 'gauge', unit: 'seconds', labels: { collector: 'any' }, help: 'Duration.', since },
  series: { name: 'scrape_series', kind: 'gauge', labels: {}, help: 'Series.', since },
  info: { name: 'lamp_info', kind: 'info', labels: { ...place, maker: 'any' }, help: 'A "lamp"\nwith a \\.', since },
  state: { name: 'lamp_state', kind: 'gauge', labels: { ...place, state: states }, help: 'State.', since },
  stateset: { name: 'lamp_mode', kind: 'stateset', labels: { ...place, lamp_mode: ['dim', 'bright'] }, help: 'Mode.', since },
  switches: { name: 'lamp_switches_total', kind: 'counter', labels: place, help: 'Switches.', since },
  light: { name: 'lamp_light_seconds', kind: 'histogram', unit: 'seconds', labels: place, bounds: [0.5, 1], help: 'Light.', since },
  volts: { name: 'lamp_supply_volts', kind: 'unknown', unit: 'volts', labels: {}, help: 'Supply.', since },
});

const forever = new AbortController().signal;
const clock = { nowMs: () => 0, wallMs: () => 0, sleep: () => Promise.resolve() };

const anExposition = (
  collectors: readonly Collector[],
  log: Logger = silentLog,
  yieldTurn = (): Promise<void> => Promise.resolve(),
): Exposition => new Exposition(collectors, families, { clock, log, yieldTurn });

const text = async (scrape: Scrape, format: Format = 'text'): Promise<string> => {
  let all = '';
  for await (const chunk of scrape.chunks(format, forever)) all += Buffer.from(chunk).toString('latin1');
  return Buffer.from(all, 'latin1').toString();
};

const isSample = (line: string): boolean => line !== '' && !line.startsWith('#');

/** Lamps with every kind of column. */
const lamps = (rowsMax = 100_000) => {
  const table = new SeriesTable(place, { rowsMax });
  const columns = {
    info: new InfoColumn(table, families.info),
    state: new StateColumn(table, families.state, states),
    mode: new StateColumn(table, families.stateset, ['dim', 'bright']),
    switches: new ValueColumn(table, families.switches),
    light: new HistogramColumn(table, families.light),
  };
  const collector: Collector = { name: 'lamps', collect: () => Object.values(columns).map((column) => column.freeze()) };
  return { table, ...columns, collector };
};

const oneLamp = () => {
  const all = lamps();
  const row = all.table.add({ room: 'Зал "7"\\\n', lamp: '💡' });
  all.info.set(row, ['Ölmühle']);
  all.state.set(row, 'off');
  all.mode.set(row, 'bright');
  all.switches.set(row, 41);
  all.switches.add(row, 1);
  all.light.observe(row, 0.25);
  all.light.observe(row, 1);
  all.light.observe(row, 7.5);
  const volts = constantSamples(families.volts, [{ labels: {}, value: -Infinity }]);
  return anExposition([all.collector, { name: 'volts', collect: () => [volts] }]);
};

const lampLabels = '{room="Зал \\"7\\"\\\\\\n",lamp="💡"';
const samples = [
  `lamp_info${lampLabels},maker="Ölmühle"} 1`,
  `lamp_state${lampLabels},state="on"} 0`,
  `lamp_state${lampLabels},state="off"} 1`,
  `lamp_state${lampLabels},state="broken"} 0`,
  `lamp_mode${lampLabels},lamp_mode="dim"} 0`,
  `lamp_mode${lampLabels},lamp_mode="bright"} 1`,
  `lamp_switches_total${lampLabels}} 42`,
  `lamp_light_seconds_bucket${lampLabels},le="0.5"} 1`,
  `lamp_light_seconds_bucket${lampLabels},le="1.0"} 2`,
  `lamp_light_seconds_bucket${lampLabels},le="+Inf"} 3`,
  `lamp_light_seconds_count${lampLabels}} 3`,
  `lamp_light_seconds_sum${lampLabels}} 8.75`,
  'lamp_supply_volts -Inf',
  'scrape_success{collector="lamps"} 1',
  'scrape_success{collector="volts"} 1',
  'scrape_took_seconds{collector="lamps"} 0',
  'scrape_took_seconds{collector="volts"} 0',
  'scrape_series 18',
];

test('both formats have the same sample lines, escaped once', async () => {
  const scrape = await oneLamp().collect(forever);
  expect((await text(scrape)).split('\n').filter(isSample)).toEqual(samples);
  expect((await text(scrape, 'openmetrics')).split('\n').filter(isSample)).toEqual(samples);
  expect(scrape.lines).toBe(samples.length);
});

test('metadata differ as the formats ask', async () => {
  const scrape = await oneLamp().collect(forever);
  const inText = (await text(scrape)).split('\n').filter((line) => line.startsWith('#'));
  const openMetrics = await text(scrape, 'openmetrics');
  const inOpenMetrics = openMetrics.split('\n').filter((line) => line.startsWith('#'));
  expect(inText.slice(0, 12)).toEqual([
    '# HELP lamp_info A "lamp"\\nwith a \\\\.',
    '# TYPE lamp_info gauge',
    '# HELP lamp_state State.',
    '# TYPE lamp_state gauge',
    '# HELP lamp_mode Mode.',
    '# TYPE lamp_mode gauge',
    '# HELP lamp_switches_total Switches.',
    '# TYPE lamp_switches_total counter',
    '# HELP lamp_light_seconds Light.',
    '# TYPE lamp_light_seconds histogram',
    '# HELP lamp_supply_volts Supply.',
    '# TYPE lamp_supply_volts untyped',
  ]);
  expect(inOpenMetrics.slice(0, 14)).toEqual([
    '# TYPE lamp info',
    '# HELP lamp A \\"lamp\\"\\nwith a \\\\.',
    '# TYPE lamp_state gauge',
    '# HELP lamp_state State.',
    '# TYPE lamp_mode stateset',
    '# HELP lamp_mode Mode.',
    '# TYPE lamp_switches counter',
    '# HELP lamp_switches Switches.',
    '# TYPE lamp_light_seconds histogram',
    '# UNIT lamp_light_seconds seconds',
    '# HELP lamp_light_seconds Light.',
    '# TYPE lamp_supply_volts unknown',
    '# UNIT lamp_supply_volts volts',
    '# HELP lamp_supply_volts Supply.',
  ]);
  expect(openMetrics.endsWith('\n# EOF\n')).toBe(true);
  expect(openMetrics).not.toMatch(/\n\n| {2}/);
});

test('a family without samples has no metadata either', async () => {
  const { table, collector } = lamps();
  table.add({ room: '1', lamp: 'a' });
  expect(await text(await anExposition([collector]).collect(forever))).not.toContain('lamp_');
});

test('a scrape shows one instant, whatever happens while it is sent, and so does the one beside it', async () => {
  const all = lamps();
  const rows = Array.from({ length: 5_000 }, (_, index) => all.table.add({ room: '1', lamp: `old-${index}` }));
  for (const row of rows) all.switches.set(row, 1);
  // Between two chunks of the first scrape everything is replaced: every row removed, its slot used again, every value changed.
  let turns = 0;
  const change = async (): Promise<void> => {
    turns += 1;
    if (turns !== 2) return;
    for (const row of rows) all.table.remove(row);
    for (let index = 0; index < 6_000; index += 1) all.switches.set(all.table.add({ room: '2', lamp: `new-${index}` }), 2);
    second = text(await exposition.collect(forever));
  };
  const exposition = anExposition([all.collector], silentLog, change);
  let second = Promise.resolve('');
  const first = (await text(await exposition.collect(forever))).split('\n').filter((line) => line.startsWith('lamp_switches_total{'));
  const beside = (await second).split('\n').filter((line) => line.startsWith('lamp_switches_total{'));
  expect(turns).toBeGreaterThan(4);
  expect(first).toEqual(rows.map((_, index) => `lamp_switches_total{room="1",lamp="old-${index}"} 1`));
  expect(beside.toSorted()).toEqual(
    Array.from({ length: 6_000 }, (_, index) => `lamp_switches_total{room="2",lamp="new-${index}"} 2`).toSorted(),
  );
});

test('chunks are of 64 KiB at most, never divide an object, and the loop is let go between them', async () => {
  const all = lamps();
  for (let index = 0; index < 4_000; index += 1) all.state.set(all.table.add({ room: '1', lamp: String(index) }), 'on');
  let turns = 0;
  const scrape = await anExposition([all.collector], silentLog, async () => void (turns += 1)).collect(forever);
  let chunks = 0;
  for await (const chunk of scrape.chunks('openmetrics', forever)) {
    const lines = Buffer.from(chunk).toString();
    chunks += 1;
    expect(chunk.length).toBeLessThanOrEqual(chunkBytes);
    expect(lines.endsWith('\n')).toBe(true);
    expect(lines.match(/state="on"/g)?.length ?? 0).toBe(lines.match(/state="broken"/g)?.length ?? 0);
  }
  expect(chunks).toBeGreaterThan(5);
  expect(turns).toBe(chunks - 1);
});

test('an object larger than a chunk is written whole', async () => {
  const { table, switches, collector } = lamps();
  switches.set(table.add({ room: 'x'.repeat(200_000), lamp: 'a' }), 1);
  switches.set(table.add({ room: 'y', lamp: 'a' }), 1);
  expect(await text(await anExposition([collector]).collect(forever))).toContain(`{room="${'x'.repeat(200_000)}",lamp="a"} 1\n`);
});

test('a collector that fails, or is too late, or gives a family of another, costs only its own families', async () => {
  const told: string[] = [];
  const log: Logger = { ...silentLog, warn: (fields) => void told.push(`${String(fields['collector'])}: ${String(fields['problem'])}`) };
  const volts = constantSamples(families.volts, [{ labels: {}, value: 230 }]);
  const stop = new AbortController();
  const exposition = anExposition(
    [
      { name: 'good', collect: () => [volts] },
      {
        name: 'throws',
        collect: () => {
          throw new Error('no reading');
        },
      },
      { name: 'rejects', collect: () => Promise.reject(new Error('no answer')) },
      { name: 'late', collect: () => new Promise(() => queueMicrotask(() => stop.abort(new Error('too late')))) },
      { name: 'twice', collect: () => [volts] },
    ],
    log,
  );
  const lines = (await text(await exposition.collect(stop.signal))).split('\n').filter(isSample);
  expect(lines).toEqual([
    'lamp_supply_volts 230',
    'scrape_success{collector="good"} 1',
    ...['throws', 'rejects', 'late', 'twice'].map((collector) => `scrape_success{collector="${collector}"} 0`),
    ...['good', 'throws', 'rejects', 'late', 'twice'].map((collector) => `scrape_took_seconds{collector="${collector}"} 0`),
    'scrape_series 12',
  ]);
  expect(told).toEqual([
    'throws: no reading',
    'rejects: no answer',
    'late: too late',
    'twice: a family is collected twice: lamp_supply_volts',
  ]);
  await exposition.collect(stop.signal);
  expect(told.filter((line) => line.startsWith('throws'))).toHaveLength(1);
});

test('a scrape that nobody waits for any more stops with the reason', async () => {
  const all = lamps();
  for (let index = 0; index < 5_000; index += 1) all.switches.set(all.table.add({ room: '1', lamp: String(index) }), index);
  const stop = new AbortController();
  const scrape = await anExposition([all.collector], silentLog, async () => stop.abort(new Error('enough'))).collect(forever);
  await expect(async () => {
    for await (const chunk of scrape.chunks('text', stop.signal)) expect(chunk.length).toBeGreaterThan(0);
  }).rejects.toThrow('enough');
});
