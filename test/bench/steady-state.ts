import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChaosPair } from '../chaos/chaos-pair.ts';
import type { ChaosPair } from '../chaos/chaos-pair.ts';
import { postgresPrograms } from '../cluster/programs.ts';
import { runTool } from '../cluster/run-tool.ts';
import { temporaryFolder } from '../cluster/temporary.ts';
import { inStep } from '../pair/watch-pair.ts';
import { median, medianBetween, rounded, wholeOption } from './bench.ts';
import type { Bench, BenchResult } from './bench.ts';

const roundsDefault = 40;
const roundsMax = 1_000;
/** Short, so that what a shared machine does meanwhile falls on both halves of a round. */
const halfSeconds = 5;
const clients = 4;
/** After agents were stopped or go on, before anything is counted. */
const restMs = 1_000;
/** After agents were started: what runs for days is measured, not how V8 comes to compile it. */
const warmUpMs = 30_000;
const ticksPerSecond = 100;

export const steadyStateBench: Bench = {
  name: 'steady-state',
  says:
    'What the agents cost while nothing fails: pgbench (its default transaction, 4 clients, TLS) against a real pair with synchronous ' +
    'replication, in rounds of 5 s with both agents at work and 5 s with both stopped by SIGSTOP, which PostgreSQL does not notice and ' +
    'which they do not take for silence of the other; the order alternates. ' +
    'Members, clients and the control plane share this machine, so what an agent takes is taken twice. ratio is the median of the ' +
    'rounds of transactions per second with agents by those without, ratioBetween holds the true median in 95 of 100 runs; agentCores is ' +
    'what one agent takes of a core.',
  options: { rounds: { value: 'N', help: `measured rounds, the result is their median (default: ${roundsDefault})` } },
  run: async (line, say) => await measureCost(wholeOption(line, 'rounds', roundsMax) ?? roundsDefault, say),
};

async function measureCost(rounds: number, say: (text: string) => void): Promise<BenchResult> {
  await using pair = await startChaosPair();
  await using folder = await temporaryFolder('pgbench');
  for (const writer of [pair.writer, pair.observers.a, pair.observers.b]) await writer.stop();
  const { leader, epoch } = await inStep(pair.stand);
  const run = await preparePgbench(pair, folder.path, pair.machines[leader].member.address);
  await run(['--initialize', '--scale', '10', '--quiet']);
  await sleep(warmUpMs);
  const figures = { with: [] as number[], without: [] as number[], ratio: [] as number[], cores: [] as number[] };
  const measure = async (): Promise<number> => {
    await sleep(restMs);
    return tpsOf(await run(['--client', String(clients), '--time', String(halfSeconds)]));
  };
  const halves = {
    with: async (): Promise<number> => {
      const before = await agentTicks(pair);
      const tps = await measure();
      figures.cores.push(((await agentTicks(pair)) - before) / ticksPerSecond / (halfSeconds + restMs / 1_000) / 2);
      return tps;
    },
    without: async (): Promise<number> => await withStoppedAgents(pair, measure),
  };
  for (let round = 1; round <= rounds; round += 1) {
    const one = { with: Number.NaN, without: Number.NaN };
    for (const side of round % 2 === 1 ? (['with', 'without'] as const) : (['without', 'with'] as const)) one[side] = await halves[side]();
    figures.with.push(one.with);
    figures.without.push(one.without);
    figures.ratio.push(one.with / one.without);
    say(`round ${round} of ${rounds}: ${one.with.toFixed(0)} transactions a second with agents, ${one.without.toFixed(0)} without`);
  }
  const after = await inStep(pair.stand);
  if (after.epoch !== epoch) throw new Error(`the pair changed hands meanwhile: epoch ${epoch} became ${after.epoch}`);
  return {
    rounds,
    withAgents: rounded(median(figures.with)),
    without: rounded(median(figures.without)),
    ratio: thousandths(median(figures.ratio)),
    ratioBetween: medianBetween(figures.ratio).map(thousandths),
    agentCores: rounded(median(figures.cores)),
  };
}

function thousandths(figure: number): number {
  return Number(figure.toFixed(3));
}

async function withStoppedAgents<T>({ stand, machines }: ChaosPair, task: () => Promise<T>): Promise<T> {
  const agents = Object.values(machines).flatMap(({ member }) => member.agent ?? []);
  for (const agent of agents) agent.signal('SIGSTOP');
  try {
    return await task();
  } finally {
    for (const agent of agents) agent.signal('SIGCONT');
    await inStep(stand);
  }
}

/** pgbench as the owner of the database, with its certificate. */
async function preparePgbench(
  { stand }: ChaosPair,
  folder: string,
  address: string,
): Promise<(args: readonly string[]) => Promise<string>> {
  const { authority, certificate, key } = stand.client;
  await mkdir(folder, { recursive: true });
  const files = { PGSSLROOTCERT: authority, PGSSLCERT: certificate, PGSSLKEY: key.reveal() };
  const env: Record<string, string> = { PGHOST: address, PGPORT: String(stand.postgresPort), PGUSER: 'app', PGSSLMODE: 'verify-full' };
  for (const [name, text] of Object.entries(files)) {
    env[name] = join(folder, name.toLowerCase());
    await writeFile(env[name], text, { mode: 0o600 });
  }
  return async (args) => await runTool(join(postgresPrograms(), 'pgbench'), [...args, 'app'], env);
}

/** Processor time of both agents, in ticks of the kernel. */
async function agentTicks({ machines }: ChaosPair): Promise<number> {
  const ticks = await Promise.all(
    Object.values(machines).map(async ({ member }) => {
      const stat = await readFile(`/proc/${member.agent?.pid ?? 0}/stat`, 'utf8').catch(() => '');
      const [user = 0, system = 0] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13)
        .map(Number);
      return user + system;
    }),
  );
  return ticks.reduce((sum, each) => sum + each, 0);
}

function tpsOf(output: string): number {
  const found = /^tps = ([0-9.]+)/m.exec(output)?.[1];
  if (found === undefined) throw new Error(`pgbench told no transactions per second: ${output}`);
  return Number(found);
}
