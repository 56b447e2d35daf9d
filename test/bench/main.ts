import { commandErrors } from '#lib/base/command.ts';
import type { CommandOption } from '#lib/base/command.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { arbiterBench } from './arbiter.ts';
import type { Bench } from './bench.ts';
import { expositionBench } from './exposition.ts';
import { failoverBench } from './failover.ts';
import { inWords } from './spread.ts';
import { steadyStateBench } from './steady-state.ts';

const benches: readonly Bench[] = [expositionBench, failoverBench, steadyStateBench, arbiterBench];

const benchOptions: Readonly<Record<string, CommandOption>> = Object.fromEntries(
  benches.flatMap(({ name, options: own }) =>
    Object.entries(own).map(([option, about]) => [option, { ...about, help: `${name}: ${about.help}` }] as const),
  ),
);

const options: Readonly<Record<string, CommandOption>> = {
  ...benchOptions,
  json: { help: 'print the result as one JSON object and nothing else on standard output' },
};

await runCommand(
  {
    name: 'npm run bench --',
    summary: `Measures a part of Hallkeeper beside its rival in the same run.\n\n${benches.map(({ name, says }) => `${name}: ${says}`).join('\n\n')}`,
    positionals: ['NAME'],
    options,
  },
  async (line) => {
    const [wanted] = line.positionals;
    const bench = benches.find(({ name }) => name === wanted);
    if (bench === undefined)
      throw commandErrors.HK_USAGE(`there is no bench "${wanted}"; there is ${benches.map(({ name }) => name).join(', ')}`);
    const foreign = Object.keys(benchOptions).filter((option) => line.has(option) && bench.options[option] === undefined);
    if (foreign.length > 0) throw commandErrors.HK_USAGE(`bench ${bench.name} has no option --${foreign.join(', --')}`);
    const result = await bench.run(line, (text) => void process.stderr.write(`${text}\n`));
    process.stdout.write(line.has('json') ? `${JSON.stringify(result)}\n` : `${JSON.stringify(inWords(result), null, 2)}\n`);
  },
);
