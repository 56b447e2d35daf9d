import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { checks } from './check/checks.ts';
import { resultTable, runChecks } from './check/run-checks.ts';

const command = parseCommand(
  {
    name: 'npm run check --',
    summary: `Looks at the checkout without running the product: ${checks.map(({ name }) => name).join(', ')}.`,
    options: { only: { value: 'NAME', help: 'run one of them' } },
  },
  process.argv.slice(2),
);
if (command.do === 'print') {
  process.stdout.write(command.text);
  process.exitCode = command.exitCode;
} else {
  const only = command.line.text('only');
  const chosen = checks.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) {
    process.stderr.write(`npm run check: no check is named ${only ?? ''}; there are ${checks.map(({ name }) => name).join(', ')}\n`);
    process.exitCode = exitCodes.usage;
  } else {
    const results = await runChecks(chosen, (line) => void process.stdout.write(line));
    process.stdout.write(resultTable(results));
    process.exitCode = results.every(({ problems }) => problems === '') ? exitCodes.ok : exitCodes.failed;
  }
}
