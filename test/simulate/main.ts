import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandErrors, exitCodes } from '#lib/base/command.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { sabotages } from '#lib/pair/simulation/sabotage.ts';
import { transcriptOf } from '#lib/pair/simulation/transcript.ts';
import { simulateLives } from './lives.ts';

const seedMax = 2 ** 31 - 1;
const stepsMax = 10_000_000_000;

function whole(name: string, text: string | undefined, max: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw commandErrors.HK_USAGE(`--${name} must be a whole number from 1 to ${max}`);
}

await runCommand(
  {
    name: 'npm run simulate --',
    summary:
      'Lets simulated pairs live through faults, life after life, and checks after every step that nothing acknowledged is lost and that ' +
      'nobody commits against the record, and at the end of each life that the pair is in step again. A life that fails is told again ' +
      'with as few faults as it takes.',
    options: {
      seed: { value: 'N', help: 'seed of the first life; each next one has the next seed (default: by chance)' },
      steps: { value: 'M', help: 'steps of the core to take at least, over all lives', fallback: '1000000' },
      without: { value: 'RULE', help: 'take a rule of the protocol away, to see that it is missed', oneOf: sabotages },
      transcripts: { value: 'DIR', help: 'folder for the transcript of a failed life', fallback: 'test/chaos/transcripts' },
      json: { help: 'print the result as one JSON object and nothing else on standard output' },
    },
  },
  async (line) => {
    const seed = line.has('seed') ? whole('seed', line.text('seed'), seedMax) : 1 + systemRandom.below(seedMax);
    const steps = whole('steps', line.text('steps'), stepsMax);
    const without = sabotages.find((rule) => rule === line.text('without'));
    const say = (text: string): void => void process.stderr.write(`${text}\n`);
    const { result, failed } = simulateLives({ seed, steps, without, nowMs: () => performance.now(), say });
    if (failed !== undefined) {
      const folder = line.text('transcripts') ?? '';
      await mkdir(folder, { recursive: true });
      const file = join(folder, `seed-${failed.seed}${without === undefined ? '' : `-without-${without}`}.txt`);
      await writeFile(file, transcriptOf(failed, without));
      say(`seed ${failed.seed}: ${failed.violation ?? ''}\n${failed.faults.length} faults are enough; the story stands in ${file}`);
    }
    process.stdout.write(line.has('json') ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
    return failed === undefined ? exitCodes.ok : exitCodes.failed;
  },
);
