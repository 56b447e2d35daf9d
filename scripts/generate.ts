import { exitCodes, parseCommand } from '#lib/base/command.ts';
import { checkoutFolder, findStale, refresh } from './generate/compare.ts';
import { generators } from './generate/generators.ts';

const command = parseCommand(
  {
    name: 'npm run generate --',
    summary: 'Writes every generated file of the checkout from its source.',
    options: { check: { help: 'write nothing; name each stale file and fail when there is one' } },
  },
  process.argv.slice(2),
);
if (command.do === 'print') {
  process.stdout.write(command.text);
  process.exitCode = command.exitCode;
} else {
  const only = command.line.has('check');
  for (const generator of generators) {
    const stale = await findStale(generator, checkoutFolder);
    if (!only) await refresh(stale, checkoutFolder);
    const verdict = stale.length === 0 ? 'up to date' : only ? 'stale' : 'written';
    process.stdout.write(`${generator.name}: ${verdict}\n${stale.map(({ path, why }) => `  ${path}: ${why}\n`).join('')}`);
    if (only && stale.length > 0) process.exitCode = exitCodes.failed;
  }
}
