import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'prettier';
import type { Family } from '#lib/exposition/family.ts';
import { checkoutFolder } from './compare.ts';

/** Who exposes the families of a folder. A folder that is not named here stands under its own path, at the end. */
const sources: readonly { readonly folder: string; readonly title: string; readonly says: string }[] = [
  {
    folder: 'exporters/terminal',
    title: 'Terminal exporter',
    says:
      'One exporter a hall. Everything comes from the feed of the hall server that leads. While the feed is away, `hallkeeper_hall_up` is 0 ' +
      'and no family of a terminal is there. Totals that come from the ledger never go back; totals of a terminal agent begin at 0 with its run, ' +
      'and all counters of a terminal are absent until the first measurement.',
  },
  { folder: 'hall', title: 'Hall server', says: 'Each member of the pair runs one; only the one that leads answers terminals.' },
  { folder: 'agents/member', title: 'Member agent', says: 'One beside each PostgreSQL of a pair.' },
  {
    folder: 'operator',
    title: 'Operator',
    says:
      'One in the cluster that leads, and its replicas. Its runtime has the names and labels of controller-runtime and client-go, its process ' +
      'those of prom-client.',
  },
  {
    folder: 'lib/http',
    title: 'Every program but the operator',
    says: 'About the process that answers and about the scrape itself.',
  },
];

/**
 * `docs/metrics.md` from the family tables of all programs: every module called `families.ts` or `…-families.ts`. They are found, not
 * imported by name: a table is the inside of its program, and here it is only printed.
 */
export async function generate(): Promise<ReadonlyMap<string, string>> {
  const tables = await readTables();
  const order = (folder: string): number => {
    const place = sources.findIndex((source) => source.folder === folder);
    return place < 0 ? sources.length : place;
  };
  const folders = [...new Set(tables.map(({ folder }) => folder))].toSorted((a, b) => order(a) - order(b) || a.localeCompare(b));
  const sections = folders.map((folder) => {
    const source = sources.find((candidate) => candidate.folder === folder) ?? { title: folder, says: '' };
    const families = tables.filter((table) => table.folder === folder).flatMap((table) => table.families);
    return [`## ${source.title}`, source.says, familyTable(families)].filter((part) => part !== '').join('\n\n');
  });
  return new Map([['docs/metrics.md', await format(`${intro}\n\n${sections.join('\n\n')}\n`, { parser: 'markdown', printWidth: 140 })]]);
}

const intro = `# Metrics

Every family that a program of ours exposes, from the same tables in code that make the exposition. A label with values in braces has exactly
these; other labels are open. In the text format infos and state sets are gauges; in OpenMetrics a counter is declared without \`_total\` and
an info without \`_info\`.`;

interface FoundTable {
  readonly folder: string;
  readonly families: readonly Family[];
}

async function readTables(): Promise<readonly FoundTable[]> {
  const found: FoundTable[] = [];
  const files = await Array.fromAsync(
    glob('{agents,console,exporters,hall,lib,operator}/**/{families,*-families}.ts', { cwd: checkoutFolder }),
  );
  for (const file of files.toSorted()) {
    const path = file.replaceAll('\\', '/');
    const module = (await import(pathToFileURL(join(checkoutFolder, file)).href)) as Readonly<Record<string, unknown>>;
    const families = Object.values(module).flatMap((value) => (isTable(value) ? Object.values(value) : []));
    if (families.length === 0) throw new Error(`${path} exports no table of families`);
    found.push({ folder: path.slice(0, path.lastIndexOf('/')), families });
  }
  return found;
}

function isTable(value: unknown): value is Readonly<Record<string, Family>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries: readonly unknown[] = Object.values(value);
  return entries.length > 0 && entries.every((entry) => typeof entry === 'object' && entry !== null && 'help' in entry && 'kind' in entry);
}

function familyTable(families: readonly Family[]): string {
  const rows = families.map(({ name, kind, unit, labels, help, since, bounds }) => {
    const kindText = bounds === undefined ? kind : `${kind}, bounds ${bounds.join(' ')}`;
    return `| \`${name}\` | ${kindText} | ${unit ?? ''} | ${labelsText(labels)} | ${help.replaceAll('|', '\\|')} | ${since} |`;
  });
  return ['| Family | Kind | Unit | Labels | Meaning | Since |', '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n');
}

function labelsText(labels: Family['labels']): string {
  return Object.entries(labels)
    .map(([name, values]) => (values === 'any' ? `\`${name}\`` : `\`${name}\` {${values.join(', ')}}`))
    .join(', ');
}
