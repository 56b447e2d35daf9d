import { exitCodes } from '#lib/base/command.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { checks } from './check/checks.ts';
import { resultTable, runChecks } from './check/run-checks.ts';

const names = checks.map(({ name }) => name);

await runCommand(
  {
    name: 'npm run check --',
    summary: `Looks at the checkout without running the product: ${names.join(', ')}. Each says that it begins on standard error.`,
    options: {
      only: { value: 'NAME', help: 'run one of them', oneOf: names },
      json: { help: 'print the result as one JSON object and nothing else on standard output' },
    },
  },
  async (line) => {
    const only = line.text('only');
    const chosen = checks.filter(({ name }) => only === undefined || name === only);
    const asJson = line.has('json');
    const results = await runChecks(chosen, {
      begins: (name, number) => void process.stderr.write(`${number} of ${chosen.length}: ${name} …\n`),
      fails: ({ name, problems }) => void (asJson || process.stdout.write(`\n${name}:\n${problems}\n`)),
    });
    const ok = results.every(({ problems }) => problems === '');
    process.stdout.write(asJson ? `${JSON.stringify({ ok, checks: results })}\n` : resultTable(results));
    return ok ? exitCodes.ok : exitCodes.failed;
  },
);
