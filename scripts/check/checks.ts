import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkoutFolder, findStale } from '../generate/compare.ts';
import { generators } from '../generate/generators.ts';
import { lintProto } from '../generate/proto.ts';

/** One thing that `npm run check` looks at. `run` gives what is wrong as text for people, empty when nothing is. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<string>;
}

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

/** What was well formed before and has not changed is not read again. */
const formatArgs = ['--check', '--log-level', 'warn', '--cache', '--cache-location', '.hallkeeper/prettier-cache', '.'];

export const checks: readonly Check[] = [
  { name: 'types', run: async () => problemsOf(await tool('tsc', ['--project', '.', '--pretty', 'false'])) },
  { name: 'lint', run: async () => lintProblems(await tool('oxlint', ['--type-aware', '.'])) },
  { name: 'format', run: async () => problemsOf(await tool('prettier', formatArgs)) },
  { name: 'proto', run: lintProto },
  { name: 'generated', run: staleFiles },
];

/** A linter that looked at no file found nothing wrong for the wrong reason. */
export function lintProblems(ended: Ended): string {
  const files = Number(/\bon ([0-9]+) files?\b/.exec(ended.said)?.[1] ?? 0);
  if (ended.code === 0 && files === 0) return `the linter looked at no file:\n${ended.said}`;
  return problemsOf(ended);
}

function problemsOf({ code, said }: Ended): string {
  if (code === 0) return '';
  return said.trim() === '' ? `ended with exit code ${String(code)} and said nothing` : said.trimEnd();
}

async function staleFiles(): Promise<string> {
  const lists = await Promise.all(generators.map((generator) => findStale(generator, checkoutFolder)));
  const lines = lists.flat().map(({ path, why }) => `${path}: ${why}`);
  return lines.length === 0 ? '' : [...lines, 'npm run generate writes them anew'].join('\n');
}

/** A program of node_modules, run in the checkout by the Node that runs us. */
function tool(name: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(join(checkoutFolder, 'node_modules', '.bin', name), [...args], {
      cwd: checkoutFolder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', (error) => resolve({ code: null, said: `${name} cannot be run: ${error.message}` }));
    child.once('close', (code) => resolve({ code, said }));
  });
}
