import { access, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { memberNames } from '#demo/names.ts';
import { eventually } from './cluster/eventually.ts';
import { runTool } from './cluster/run-tool.ts';
import { openFirstPair } from './readme/first-pair.ts';
import type { FirstPair } from './readme/first-pair.ts';
import { inlineCommands, readBlocks } from './readme/read-blocks.ts';
import type { Block } from './readme/read-blocks.ts';

const root = join(import.meta.dirname, '..');
const readme = await readFile(join(root, 'README.md'), 'utf8');
const blocks = readBlocks(readme);
const placeOf = ({ line }: Block): string => `README.md:${line}`;

/** What a mark may say of a block in this language. */
const marks: Readonly<Record<string, readonly string[]>> = {
  sh: ['runs: here', 'runs: on each member', 'runs: on each member, the agent stopped', 'stays: here', 'stays: on each member', 'proven: '],
  yaml: ['file: ', 'writes: member.yaml'],
  text: ['prints: ', 'shows: '],
  mermaid: [],
};

test('each block says what becomes of it', () => {
  const odd = blocks.filter(({ language, mark }) => {
    const known = marks[language];
    if (known === undefined) return true;
    const text = mark === undefined ? '' : `${mark.kind}: ${mark.value}`;
    return known.length > 0 && !known.some((each) => (each.endsWith(': ') ? text.startsWith(each) && text !== each : text === each));
  });
  expect(odd.map(placeOf)).toEqual([]);
});

test('a command inside a sentence stands in a block, too', () => {
  const commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
  expect(inlineCommands(readme).filter((command) => !commands.some((text) => text.includes(command)))).toEqual([]);
});

test('what the README leads to is there', async () => {
  const targets = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map((found) => found[1] ?? '').filter((target) => !target.includes('://'));
  expect(targets.length).toBeGreaterThan(0);
  for (const target of targets) await access(join(root, target));
});

test.each(blocks.filter(({ mark }) => mark?.kind === 'file'))('the YAML of line $line is the file', async ({ text, mark }) => {
  expect(`${text}\n`).toBe(await readFile(join(root, mark?.value ?? ''), 'utf8'));
});

test.each(blocks.filter(({ mark }) => mark?.kind === 'proven'))('the commands of line $line are run elsewhere', async ({ text, mark }) => {
  for (const command of text.split('\n')) await proveElsewhere(command, mark?.value ?? '');
});

test('a first pair comes to be by the commands of the README alone, one after the other', { timeout: 900_000 }, async () => {
  await using stand = await openFirstPair();
  let printed = '';
  for (const block of blocks) {
    if (block.mark?.kind === 'prints') {
      expect([placeOf(block), ...headersOf(printed)]).toEqual([placeOf(block), ...headersOf(block.text)]);
      await leadsAsPrinted(stand, block.text);
    } else printed = await follow(stand, block);
  }
  await stand.postgresEnded();
});

/** The member that the README shows as the primary is the one to which the name of the pair leads. */
async function leadsAsPrinted({ bind, places }: FirstPair, text: string): Promise<void> {
  const primary = memberNames.find((name) => new RegExp(`^failoverpair\\S+ +${name} `, 'm').test(text));
  if (primary === undefined) return;
  const leads = async (): Promise<boolean> => (await bind.addressesOf('pair-7')).join() === places.members[primary];
  await eventually(`the name of the pair leads to ${primary}`, leads, { maxMs: 60_000 });
}

/**
 * That another file runs this command: it stands there as it is; or, for a script of package.json, the prover starts the same program with
 * the same options, and npm finds the program, which is asked for its help only.
 */
async function proveElsewhere(command: string, prover: string): Promise<void> {
  const text = await readFile(join(root, prover), 'utf8');
  if (text.split('\n').includes(command)) return;
  const [, script = '', options = ''] = /^npm run (\S+)(?: -- (.+))?$/.exec(command) ?? [];
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly scripts: Record<string, string> };
  const program = /^sh scripts\/run (\S+)$/.exec(scripts[script] ?? '')?.[1] ?? '';
  expect(dirname(program)).toBe(dirname(prover));
  expect(text).toContain(`'${basename(program)}'`);
  const flags = options.split(' ').filter((word) => word.startsWith('--'));
  const runs = text.split('\n').filter((line) => line.includes('await run') && flags.every((flag) => line.includes(`'${flag}'`)));
  expect(runs).not.toEqual([]);
  expect(await runTool('npm', ['--prefix', root, 'run', script, '--', '--help'])).toContain(`npm run ${script} --`);
}

/** Does what the reader is told. @returns what was printed. */
async function follow(stand: FirstPair, { text, mark }: Block): Promise<string> {
  switch (`${mark?.kind}: ${mark?.value}`) {
    case 'runs: here':
      return stand.administer(text);
    case 'stays: here':
      await stand.stay(text);
      return '';
    case 'writes: member.yaml':
      for (const member of memberNames) await stand.writeOn(member, 'member.yaml', text);
      return '';
    case 'runs: on each member':
      for (const member of memberNames) await stand.runOn(member, text);
      return '';
    case 'runs: on each member, the agent stopped':
      for (const member of memberNames) await stand.stopOn(member);
      for (const member of memberNames) await stand.runOn(member, text);
      return '';
    case 'stays: on each member':
      for (const member of memberNames) await stand.stayOn(member, text);
      return '';
    default:
      return '';
  }
}

/** The headers of kubectl's tables, and the rows' names: what does not change from run to run. */
function headersOf(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s{2,}/);
    const [first = ''] = words;
    if (first === 'NAME') return [words.join(' ')];
    return words.length > 1 && first.includes('.hallkeeper.dev/') ? [first] : [];
  });
}
