import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Gauge, Registry } from 'prom-client';
import { silentLog } from '#lib/base/log.ts';
import { seededRandom } from '#lib/base/random.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { Exposition } from '#lib/exposition/exposition.ts';
import type { Family } from '#lib/exposition/family.ts';
import { SeriesTable } from '#lib/exposition/series-table.ts';
import { StateColumn } from '#lib/exposition/state-column.ts';
import { ValueColumn } from '#lib/exposition/value-column.ts';
import { programFamilies } from '#lib/http/program-families.ts';
import { median, rounded, wholeOption } from './bench.ts';
import type { Bench, BenchResult } from './bench.ts';
import { fleet, fleetFamilies, fleetLabels, fleetValues, seriesPerTerminal } from './exposition-fleet.ts';
import { withStallProbe } from './stall-probe.ts';
import type { Stalls } from './stall-probe.ts';

/** One side of the comparison. */
interface Side {
  set(terminal: number, values: ReadonlyMap<Family, readonly number[]>): void;
  /** Renders everything to bytes and hands each piece to `take`, which copies what it keeps. */
  scrape(take: (bytes: Uint8Array) => void): Promise<void>;
}

export interface Figures {
  readonly scrapeMs: number[];
  readonly cpuMs: number[];
  readonly stallMs: number[];
  readonly stallCpuMs: number[];
}

/** What is printed of one side. */
interface Summary {
  readonly scrapeMs: number;
  readonly cpuMs: number;
  readonly stallMsMax: number;
  readonly stallMsMedian: number;
  readonly stallCpuMsMax: number;
}

/** Lets the sweeper of the garbage collection end, and the scheduler forget what the collection took. */
const restMs = 200;
/** Not counted: the engine compiles what it runs often, on both sides. */
const warmUpRounds = 3;
const seriesDefault = 100_000;
const seriesMax = 2_000_000;
const roundsMax = 1_000;

export const expositionBench: Bench = {
  name: 'exposition',
  says:
    'One scrape of a fleet of terminals, from the request for it to the last byte of text 0.0.4 in memory, by lib/exposition and by ' +
    'prom-client, with the same series, labels and values; every number changes between rounds. Not measured: HTTP, compression, ' +
    'updating the values. Before each scrape garbage is collected and the process rests, as it does between real scrapes. scrapeMs ' +
    'and cpuMs (of the main thread) are medians of the rounds. The stall of a round is the longest time between two turns of the event ' +
    'loop: stallMsMax is the longest of all rounds, stallMsMedian the median of the rounds, and stallCpuMsMax the longest of all rounds ' +
    'in CPU time of the main thread, so without what other programs on the machine took (some kernels count it in steps of 4 ms). ratio ' +
    'compares scrapeMs.',
  options: {
    series: { value: 'N', help: 'number of series', fallback: String(seriesDefault) },
    rounds: { value: 'N', help: 'measured rounds, the result is their median (default: enough for the size)' },
  },
  run: (line, say) => {
    const series = wholeOption(line, 'series', seriesMax) ?? seriesDefault;
    return compareExposition(series, wholeOption(line, 'rounds', roundsMax) ?? (series > 200_000 ? 5 : 15), say);
  },
};

/** Our scrape and prom-client's, with the same samples. */
export async function compareExposition(series: number, rounds: number, say: (text: string) => void): Promise<BenchResult> {
  const terminals = Math.max(1, Math.ceil(series / seriesPerTerminal));
  const sides = { ours: ourSide(terminals), promClient: promClientSide() };
  const figures: Record<keyof typeof sides, Figures> = {
    ours: { scrapeMs: [], cpuMs: [], stallMs: [], stallCpuMs: [] },
    promClient: { scrapeMs: [], cpuMs: [], stallMs: [], stallCpuMs: [] },
  };
  change(sides, terminals, 0);
  await requireSameSamples(sides, say);
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    change(sides, terminals, warmUpRounds + 1 + round);
    const order = Math.abs(round) % 2 === 0 ? (['ours', 'promClient'] as const) : (['promClient', 'ours'] as const);
    for (const side of order) {
      const { tookMs, cpuMs, stallMsMax, stallCpuMsMax } = await measure(sides[side]);
      if (round < 0) continue;
      figures[side].scrapeMs.push(tookMs);
      figures[side].cpuMs.push(cpuMs);
      figures[side].stallMs.push(stallMsMax);
      figures[side].stallCpuMs.push(stallCpuMsMax);
      say(
        `round ${round + 1} of ${rounds}: ${side} ${rounded(tookMs)} ms, longest stall ${rounded(stallMsMax)} ms (${rounded(stallCpuMsMax)} ms of CPU)`,
      );
    }
  }
  const ours = summary(figures.ours);
  const promClient = summary(figures.promClient);
  return { ours, promClient, ratio: rounded(promClient.scrapeMs / ours.scrapeMs), series: terminals * seriesPerTerminal, rounds };
}

/** A limit on stalls is a promise about the worst round; a median of maxima would keep half of them out of sight. */
export function summary({ scrapeMs, cpuMs, stallMs, stallCpuMs }: Figures): Summary {
  return {
    scrapeMs: rounded(median(scrapeMs)),
    cpuMs: rounded(median(cpuMs)),
    stallMsMax: rounded(Math.max(...stallMs)),
    stallMsMedian: rounded(median(stallMs)),
    stallCpuMsMax: rounded(Math.max(...stallCpuMs)),
  };
}

async function measure(side: Side): Promise<Stalls> {
  collectGarbage();
  await systemClock.sleep(restMs);
  return withStallProbe(() => side.scrape(() => undefined));
}

/** Gives every terminal new values, the same ones on both sides. */
function change(sides: Readonly<Record<string, Side>>, terminals: number, seed: number): void {
  const random = seededRandom(seed);
  for (let terminal = 0; terminal < terminals; terminal += 1) {
    const values = fleetValues(random);
    for (const side of Object.values(sides)) side.set(terminal, values);
  }
}

/** A faster answer that says something else would be no answer. */
async function requireSameSamples(sides: { readonly ours: Side; readonly promClient: Side }, say: (line: string) => void): Promise<void> {
  const isSample = (line: string): boolean => line !== '' && !line.startsWith('#') && !line.startsWith('hallkeeper_scrape_');
  const lines = async (side: Side): Promise<readonly string[]> => {
    const chunks: Uint8Array[] = [];
    await side.scrape((bytes) => void chunks.push(Uint8Array.from(bytes)));
    return Buffer.concat(chunks).toString().split('\n').filter(isSample).sort();
  };
  const ours = await lines(sides.ours);
  const theirs = await lines(sides.promClient);
  assert.equal(ours.length, theirs.length, 'both sides have as many samples');
  for (const [index, line] of ours.entries()) assert.equal(line, theirs[index], 'both sides have the same samples');
  say(`both sides give the same ${ours.length} samples`);
}

function ourSide(terminals: number): Side {
  const table = new SeriesTable({ hall: 'any', terminal: 'any' }, { rowsMax: terminals });
  const { state, ...numbers } = fleetFamilies;
  const states = new StateColumn(table, state, state.labels.state);
  const columns = Object.values(numbers).map((family) => new ValueColumn(table, family));
  const rows = Array.from({ length: terminals }, (_, index) => table.add(fleetLabels(index)));
  const collector = { name: 'fleet', collect: () => [states, ...columns].map((column) => column.freeze()) };
  const yieldTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const exposition = new Exposition([collector], programFamilies, { clock: systemClock, log: silentLog, yieldTurn });
  const { signal } = new AbortController();
  return {
    set: (terminal, values) => {
      const row = rows[terminal] ?? 0;
      states.set(row, state.labels.state[values.get(state)?.indexOf(1) ?? 0] ?? 'unknown');
      for (const column of columns) {
        for (const [variant, value] of (values.get(column.family) ?? []).entries()) column.set(row, value, variant);
      }
    },
    scrape: async (take) => {
      const scrape = await exposition.collect(signal);
      for await (const chunk of scrape.chunks('text', signal)) take(chunk);
    },
  };
}

/** Everything is a gauge there, so that both sides can be given the same values; counters are rendered by the same code. */
function promClientSide(): Side {
  const registry = new Registry();
  const gauges = fleet.map(({ family, label, variants }) => {
    const gauge = new Gauge({ name: family.name, help: family.help, labelNames: Object.keys(family.labels), registers: [registry] });
    return { family, gauge, own: variants.map((value) => (label === undefined ? {} : { [label]: value })) };
  });
  return {
    set: (terminal, values) => {
      const labels = fleetLabels(terminal);
      for (const { family, gauge, own } of gauges) {
        for (const [variant, value] of (values.get(family) ?? []).entries()) gauge.set({ ...labels, ...own[variant] }, value);
      }
    },
    scrape: async (take) => take(Buffer.from(await registry.metrics())),
  };
}

/** Full collection, so that no side pays for the garbage of the other or of the updates between rounds. */
const collectGarbage: () => void = (() => {
  setFlagsFromString('--expose_gc');
  return runInNewContext('gc') as () => void;
})();
