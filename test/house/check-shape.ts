import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Problems } from './check-imports.ts';
import { isGenerated, isOutsideProduct } from './rooms.ts';
import { root } from './sources.ts';

/** One thing that the linter found. */
export interface Diagnostic {
  /** `eslint(no-console)` */
  readonly code: string;
  readonly message: string;
  readonly help?: string;
  /** From the folder that was looked at. */
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

const oxlint = join(root, 'node_modules', '.bin', 'oxlint');
const configuration = join(root, 'test', 'house', 'shape.oxlintrc.json');
const lintMaxMs = 120_000;
const outputMaxBytes = 64 * 1024 * 1024;

/**
 * Lengths of files and functions, default exports, and globals that reach for time, chance, the environment or the console. These
 * need a parser, so the linter looks for them, with rules of its own beside those of everyday linting.
 */
export async function lintShape(folder: string): Promise<{ readonly found: readonly Diagnostic[]; readonly files: number }> {
  const report = JSON.parse(await lint(folder)) as { readonly diagnostics: readonly Diagnostic[]; readonly number_of_files: number };
  return { found: report.diagnostics, files: report.number_of_files };
}

/** What remains when each file has been granted what its place in the house allows. */
export function shapeProblems(found: readonly Diagnostic[]): Problems {
  return found
    .filter((each) => !isExempt(each))
    .map((each) => problemOf(each))
    .toSorted();
}

function isExempt({ code, filename }: Diagnostic): boolean {
  if (isGenerated(filename)) return true;
  if (code === 'import(no-default-export)') return filename === 'vitest.config.ts';
  if (code === 'eslint(max-lines)') return false;
  // The body of `describe` is a function to the linter, a chapter to people.
  if (code === 'eslint(max-lines-per-function)') return filename.endsWith('.test.ts');
  return isOutsideProduct(filename) || isDoor(filename);
}

/** The only product files through which time, chance and the environment come in. */
function isDoor(path: string): boolean {
  return /(^|\/)main\.ts$/.test(path) || /^lib\/base\/(system-[^/]+|deadline)\.ts$/.test(path);
}

function problemOf({ filename, labels, message, help }: Diagnostic): string {
  return `${filename}:${labels[0]?.span.line ?? 1}: ${message}${help === undefined ? '' : ` (${help})`}`;
}

/** The linter ends with 1 when it finds something, and then too its report is on standard output. */
function lint(folder: string): Promise<string> {
  const args = ['--config', configuration, '--disable-nested-config', '--format', 'json', '.'];
  return new Promise((resolve, reject) => {
    execFile(oxlint, args, { cwd: folder, timeout: lintMaxMs, maxBuffer: outputMaxBytes }, (error, stdout, stderr) => {
      if (stdout.trimStart().startsWith('{')) resolve(stdout);
      else reject(new Error(`oxlint gave no report: ${stderr}${stdout}`, { cause: error }));
    });
  });
}
