import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'prettier';
import { errorCatalogue } from '#lib/base/errors.ts';
import type { RetryDecision } from '#lib/base/errors.ts';
import { checkoutFolder } from './compare.ts';

const intro = `# Errors

Every error of ours carries a stable code, which is never reused and never renamed. It stands in logs and conditions, and programs decide by it,
never by the text. This list is made from the catalogues in code.

What a caller does about it:

| Decision | Meaning |
| --- | --- |
| \`backoff\` | The same call may succeed later: it is tried again, with growing pauses. |
| \`reread\` | The world changed: look and decide again, never repeat the write. |
| \`never\` | Only a person or a changed object helps. |`;

const rooms = '{agents,cli,console,exporters,hall,lib,operator}';

/** `docs/errors.md` from every module that calls defineErrors. They are found, not imported by name, so none can be forgotten. */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  for (const path of (await Array.fromAsync(glob(`${rooms}/**/*.ts`, { cwd: checkoutFolder }))).toSorted()) {
    if (path.endsWith('.test.ts') || path.includes('/testing/')) continue;
    if (!(await readFile(join(checkoutFolder, path), 'utf8')).includes('= defineErrors(')) continue;
    for (const code of codesOf(await import(pathToFileURL(join(checkoutFolder, path)).href), path)) {
      const owner = owners.get(code);
      if (owner !== undefined) throw new Error(`${code} is defined in ${owner} and in ${path}; a code means one thing`);
      owners.set(code, path);
    }
  }
  const rows = [...owners.keys()].toSorted().map((code) => rowOf(code, owners.get(code) ?? ''));
  const table = ['| Code | Meaning | Decision | From |', '| --- | --- | --- | --- |', ...rows].join('\n');
  return new Map([['docs/errors.md', await format(`${intro}\n\n${table}\n`, { parser: 'markdown', printWidth: 140 })]]);
}

function rowOf(code: string, path: string): string {
  const kind = errorCatalogue.get(code);
  if (kind === undefined) throw new Error(`${code} of ${path} stands in no catalogue`);
  const decision: RetryDecision = kind.retry;
  return `| \`${code}\` | ${kind.says.replaceAll('|', '\\|')} | \`${decision}\` | \`${path.slice(0, path.lastIndexOf('/'))}\` |`;
}

/** A module exports its catalogue, so that callers can raise and tests can name its errors. */
function codesOf(module: unknown, path: string): readonly string[] {
  const codes = Object.values(module as Readonly<Record<string, unknown>>).flatMap((value) =>
    typeof value === 'object' && value !== null ? Object.keys(value).filter((key) => /^HK_[A-Z0-9_]+$/.test(key)) : [],
  );
  if (codes.length === 0) throw new Error(`${path} defines errors and exports none of them`);
  return codes;
}
