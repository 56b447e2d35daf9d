import { posix } from 'node:path';
import type { Sources } from './sources.ts';

/** One import of one file. `target` is a path of ours, or undefined for a package or a `node:` module. */
export interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly target: string | undefined;
  /** `import type`: gone before the program runs. */
  readonly typesOnly: boolean;
  /** Named by its path, to be run as a thread or process of its own. */
  readonly started: boolean;
}

/** Statements begin a line; what stands in the text of a template does not count, because it is indented or quoted. */
const statement = /^(?:import|export)\b(?:[^'";]*?\bfrom)?\s*'([^'\n]+)'/gm;
const dynamic = /\bimport\(\s*'([^'\n]+)'\s*\)/g;
/** Worker threads and child processes name their file so, or by the folder they stand in. */
const byUrl = /\bnew URL\(\s*'(\.[^'\n]+\.ts)',\s*import\.meta\.url\s*\)/g;

const byFolder = /\bjoin\(\s*import\.meta\.dirname((?:,\s*'[^'\n]+')+)\s*\)/g;

function importsOf(path: string, text: string): readonly Import[] {
  const joined = [...text.matchAll(byFolder)].map(
    ([, pieces = '']) => `./${[...pieces.matchAll(/'([^']+)'/g)].map(([, piece]) => piece).join('/')}`,
  );
  const startedByFolder = joined
    .filter((specifier) => specifier.endsWith('.ts'))
    .map((specifier) => ({ from: path, specifier, target: resolve(path, specifier), typesOnly: false, started: true }));
  const others = [statement, dynamic, byUrl].flatMap((pattern) =>
    [...text.matchAll(pattern)].map(([whole, specifier = '']) => ({
      from: path,
      specifier,
      target: resolve(path, specifier),
      typesOnly: /^(import|export) type\b/.test(whole),
      started: pattern === byUrl,
    })),
  );
  return [...others, ...startedByFolder];
}

export function allImports(sources: Sources): readonly Import[] {
  return [...sources].filter(([path]) => /\.(ts|mjs)$/.test(path)).flatMap(([path, text]) => importsOf(path, text));
}

function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  return undefined;
}
