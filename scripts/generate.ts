import { exitCodes } from '#lib/base/command.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { checkoutFolder, findStale, refresh } from './generate/compare.ts';
import { generators } from './generate/generators.ts';

await runCommand(
  {
    name: 'npm run generate --',
    summary: 'Writes every generated file of the checkout from its source.',
    options: {
      check: { help: 'write nothing; name each stale file and fail when there is one' },
      json: { help: 'print what was stale as one JSON object and nothing else on standard output' },
    },
  },
  async (line) => {
    const only = line.has('check');
    const asJson = line.has('json');
    const found: { readonly name: string; readonly verdict: string; readonly stale: Awaited<ReturnType<typeof findStale>> }[] = [];
    for (const generator of generators) {
      const stale = await findStale(generator, checkoutFolder);
      if (!only) await refresh(stale, checkoutFolder);
      const verdict = stale.length === 0 ? 'up to date' : only ? 'stale' : 'written';
      found.push({ name: generator.name, verdict, stale });
      if (!asJson) process.stdout.write(`${generator.name}: ${verdict}\n${stale.map(({ path, why }) => `  ${path}: ${why}\n`).join('')}`);
    }
    const ok = !only || found.every(({ stale }) => stale.length === 0);
    const generated = found.map(({ stale, ...rest }) => ({ ...rest, files: stale.map(({ path, why }) => ({ path, why })) }));
    if (asJson) process.stdout.write(`${JSON.stringify({ ok, generated })}\n`);
    return ok ? exitCodes.ok : exitCodes.failed;
  },
);
