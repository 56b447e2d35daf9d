import type { Problems } from './check-imports.ts';
import type { Sources } from './sources.ts';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const register = 'docs/dependencies.md';

/** Each dependency has a line that begins with its name, and no line is about one that is gone. */
export function checkDependencies(sources: Sources): Problems {
  const manifest = JSON.parse(sources.get('package.json') ?? '{}') as Manifest;
  const used = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  const listed = [...(sources.get(register) ?? '').matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1] ?? '');
  return [
    ...used.filter((name) => !listed.includes(name)).map((name) => `${register}: no line says why ${name} is used and what was rejected`),
    ...listed.filter((name) => !used.includes(name)).map((name) => `${register}: ${name} is no dependency of package.json`),
  ];
}

/** Decisions are numbered from 0001 without gaps, and named after what was decided. */
export function checkDecisions(sources: Sources): Problems {
  const files = [...sources.keys()].filter((path) => path.startsWith('docs/decisions/')).toSorted();
  return files.flatMap((path, index) => {
    const number = String(index + 1).padStart(4, '0');
    return new RegExp(`^docs/decisions/${number}-[a-z0-9-]+\\.md$`).test(path) ? [] : [`${path}: expected number ${number} and a name`];
  });
}
