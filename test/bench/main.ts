import { commandErrors } from '#lib/base/command.ts';
import { runCommand } from '#lib/base/system-program.ts';
import type { Bench } from './bench.ts';
import { expositionBench } from './exposition.ts';

const benches: readonly Bench[] = [expositionBench];

function whole(name: string, text: string | undefined, max: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw commandErrors.HK_USAGE(`--${name} must be a whole number from 1 to ${max}`);
}

await runCommand(
  {
    name: 'npm run bench --',
    summary: `Measures a part of Hallkeeper beside its rival in the same run.\n\n${benches.map(({ name, says }) => `${name}: ${says}`).join('\n\n')}`,
    positionals: ['NAME'],
    options: {
      series: { value: 'N', help: 'number of series', fallback: '100000' },
      rounds: { value: 'N', help: 'measured rounds, the result is their median (default: enough for the size)' },
      json: { help: 'print the result as one JSON object and nothing else on standard output' },
    },
  },
  async (line) => {
    const [wanted] = line.positionals;
    const bench = benches.find(({ name }) => name === wanted);
    if (bench === undefined)
      throw commandErrors.HK_USAGE(`there is no bench "${wanted}"; there is ${benches.map(({ name }) => name).join(', ')}`);
    const series = whole('series', line.text('series'), 2_000_000);
    const rounds = line.has('rounds') ? { rounds: whole('rounds', line.text('rounds'), 1_000) } : {};
    const say = (text: string): void => void process.stderr.write(`${text}\n`);
    const result = await bench.run({ series, ...rounds, say });
    process.stdout.write(line.has('json') ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
  },
);
