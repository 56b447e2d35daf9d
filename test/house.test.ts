import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from './cluster/temporary.ts';
import { checkDecisions, checkDependencies } from './house/check-documents.ts';
import { checkCycles, checkDirections, checkExports, checkPrivacy, checkPurity, checkReach } from './house/check-imports.ts';
import type { Problems } from './house/check-imports.ts';
import { lintShape, shapeProblems } from './house/check-shape.ts';
import { checkExemptions, checkHomePaths, checkNames, checkOpenWork, checkSkippedTests } from './house/check-text.ts';
import { openWorkWords, word } from './house/forbidden-words.ts';
import { allImports } from './house/imports.ts';
import { readSources, root } from './house/sources.ts';
import type { Sources } from './house/sources.ts';

interface Rule {
  readonly rule: string;
  readonly check: (sources: Sources) => Problems;
  /** Files that break the rule, each in a sample of its own, and a part of what is said. */
  readonly breaks: readonly { readonly files: Readonly<Record<string, string>>; readonly says: string }[];
  /** Files that keep it, though they look as if they did not. */
  readonly keeps: Readonly<Record<string, string>>;
}

const rules: readonly Rule[] = [
  {
    rule: 'imports go where the table of rooms lets them',
    check: checkDirections,
    breaks: [
      { files: { 'lib/base/a.ts': `import { b } from '#lib/kube/b.ts';` }, says: 'all rooms stand on it' },
      { files: { 'lib/kube/a.ts': `export { b } from '../api/b.ts';` }, says: 'lib/kube may import lib/base' },
      { files: { 'lib/pair/a.ts': `import { join } from 'node:path';` }, says: 'lib/pair uses no node: module' },
      { files: { 'hall/a.ts': `import {\n  b,\n  c,\n} from '#lib/kube/b.ts';` }, says: 'hall may import lib but not lib/kube' },
      { files: { 'exporters/terminal/a.ts': `import type { B } from '#lib/pair/b.ts';` }, says: 'it cannot act' },
      { files: { 'operator/a.ts': `import { b } from '#agents/member/b.ts';` }, says: 'never on the data path' },
      { files: { 'lib/link/a.ts': `import { b } from '#hall/contract.ts';` }, says: 'it knows no program' },
      {
        files: { 'agents/member/a.ts': `const b = await ${word('import')}('#agents/terminal/b.ts');` },
        says: 'agents/member may import lib',
      },
      { files: { 'lib/dns/a.ts': `import { b } from '#test/cluster/b.ts';` }, says: 'lib/dns may import lib/base' },
      { files: { 'demo/a.ts': `import { b } from '#operator/b.ts';` }, says: 'not the inside of a program' },
      { files: { 'hall/a.test.ts': `import { b } from '#operator/b.ts';` }, says: 'hall may import' },
      { files: { 'services/a.ts': '' }, says: 'this folder is no room' },
    ],
    keeps: {
      'operator/a.ts': `import { b } from '#agents/member/contract.ts';\nimport { c } from '#lib/kube/c.ts';`,
      'lib/pair/a.test.ts': `import { join } from 'node:path';\nimport { b } from '#test/cluster/b.ts';`,
      'lib/postgres/testing/a.ts': `import { b } from '#lib/pki/b.ts';`,
      'lib/base/a.ts': `const text = "import { b } from '#lib/kube/b.ts'";`,
      'vitest.config.ts': `import { defineConfig } from 'vitest/config';`,
    },
  },
  {
    rule: 'decisions and decoders touch nothing',
    check: checkPurity,
    breaks: [
      { files: { 'operator/decide-pair.ts': `import { readFile } from 'node:fs';` }, says: 'a decision is a value' },
      { files: { 'lib/devices/decode-paper.ts': `import 'node:fs';` }, says: 'a decision is a value' },
      { files: { 'hall/standby-modes.ts': `import { act } from './act-standby.ts';` }, says: 'a decision is a value' },
    ],
    keeps: {
      'operator/decide-pair.test.ts': `import { readFile } from 'node:fs';`,
      'operator/act-pair.ts': `import { decide } from './decide-pair.ts';`,
    },
  },
  {
    rule: 'main.ts, internal/ and testing/ are private',
    check: checkPrivacy,
    breaks: [
      { files: { 'operator/a.ts': `import { b } from './main.ts';` }, says: 'nothing builds on it' },
      { files: { 'operator/a.ts': `import { b } from '#lib/kube/internal/b.ts';` }, says: 'internal/ is private' },
      { files: { 'operator/a.ts': `import { b } from '#lib/kube/testing/b.ts';` }, says: 'for tests only' },
    ],
    keeps: {
      'lib/kube/a.ts': `import { b } from './internal/b.ts';`,
      'operator/a.test.ts': `import { b } from '#lib/kube/testing/b.ts';`,
      'demo/a.ts': `const program = new ${word('URL')}('../operator/main.ts', import.meta.url);`,
    },
  },
  {
    rule: 'imports lead nowhere back',
    check: checkCycles,
    breaks: [
      {
        files: {
          'hall/a.ts': `import { b } from './b.ts';`,
          'hall/b.ts': `import { c } from './c.ts';`,
          'hall/c.ts': `import { a } from '#hall/a.ts';`,
        },
        says: 'hall/a.ts → hall/b.ts → hall/c.ts → hall/a.ts',
      },
    ],
    keeps: {
      'hall/a.ts': `import { c } from './c.ts';`,
      'hall/b.ts': `import { c } from './c.ts';`,
      'hall/c.ts': `import type { A } from './a.ts';`,
    },
  },
  {
    rule: 'every file is used, and every import finds its file',
    check: checkReach,
    breaks: [
      { files: { 'hall/a.ts': '' }, says: 'nobody imports this file' },
      { files: { 'hall/a.ts': '', 'hall/a.real.test.ts': `import { a } from './a.ts';` }, says: 'nobody imports this file' },
      { files: { 'hall/main.ts': `import { a } from './a.ts';` }, says: 'does not exist' },
    ],
    keeps: {
      'hall/main.ts': `import { a } from './a.ts';`,
      'hall/a.ts': `const worker = new Worker(new ${word('URL')}('./worker.ts', import.meta.url));`,
      'hall/worker.ts': '',
      'hall/b.test.ts': `spawn('node', [${word('jo', 'in')}(import.meta.dirname, 'testing', 'server.ts')]);`,
      'hall/testing/server.ts': '',
      'hall/c.test.ts': '',
      'lib/api/hall.gen.ts': '',
    },
  },
  {
    rule: 'what is exported is used by a second file',
    check: checkExports,
    breaks: [
      {
        files: { 'lib/base/a.ts': 'export const quietMs = 7;\nexport const loud = quietMs;', 'lib/base/b.ts': 'loud' },
        says: 'uses quietMs',
      },
      { files: { 'cli/a.ts': 'export async function ask() {}', 'cli/b.ts': 'asks' }, says: 'no other file uses ask' },
    ],
    keeps: {
      'lib/base/a.ts': 'export const baseErrors = 1;\nexport class Clock {}\nexport interface Ports {}',
      'lib/base/a.test.ts': 'new Clock()',
      'lib/link/gen/a.ts': 'export const generated = 1;',
    },
  },
  {
    rule: 'files are named after a concept',
    check: checkNames,
    breaks: [
      { files: { 'hall/utils.ts': '' }, says: 'the name utils says nothing' },
      { files: { 'lib/kube/helpers/a.ts': '' }, says: 'the name helpers says nothing' },
      { files: { 'lib/kube/index.ts': '' }, says: 'the name index says nothing' },
      { files: { 'hall/misc.real.test.ts': '' }, says: 'the name misc says nothing' },
      { files: { 'hall/roster-2.ts': '' }, says: 'never by a number' },
    ],
    keeps: { 'lib/base/clock.ts': '', 'lib/link/gen/common.ts': '', 'lib/dns/rfc-2136.ts': '' },
  },
  {
    rule: 'no open work is left in a file',
    check: checkOpenWork,
    breaks: [
      ...openWorkWords.map((mark) => ({ files: { 'hall/a.ts': `// ${mark}: later` }, says: 'hall/a.ts:1' })),
      { files: { 'docs/a.md': `fine\n${openWorkWords.join()}` }, says: 'docs/a.md:2' },
    ],
    keeps: { 'hall/a.ts': `const method = 'toDo';`, 'package-lock.json': word('X', 'XX') },
  },
  {
    rule: 'every test runs',
    check: checkSkippedTests,
    breaks: ['skip', 'only', 'todo', 'skipIf', 'concurrent.skip'].map((how) => ({
      files: { 'hall/a.test.ts': `test.${how}('x', () => undefined);` },
      says: 'a test that does not run',
    })),
    keeps: {
      'hall/a.test.ts': `test('x', () => undefined); test.each([1])('y', () => undefined); test.${word('run', 'If')}(asRoot)('z', mount);`,
      'hall/a.ts': word('test.', 'skip'),
    },
  },
  {
    rule: 'no file names the home folder of one machine',
    check: checkHomePaths,
    breaks: [
      { files: { 'hall/a.ts': `const path = '/${word('ro', 'ot')}/x';` }, says: 'hall/a.ts:1' },
      { files: { 'docs/a.md': `see /${word('ho', 'me')}/somebody/x` }, says: 'docs/a.md:1' },
    ],
    keeps: { 'hall/a.ts': `const path = '/run/root/x'; const url = 'https://example.com/root/x';` },
  },
  {
    rule: 'exemptions from lint rules have reasons',
    check: checkExemptions,
    breaks: [
      { files: { 'hall/a.ts': `// ${word('ox', 'lint')}-disable-next-line no-console` }, says: 'without its reason' },
      { files: { 'hall/a.ts': `// @ts-${word('ig', 'nore')}` }, says: 'without its reason' },
    ],
    keeps: { 'hall/a.ts': `// ${word('ox', 'lint')}-disable-next-line no-control-regex -- control characters are what is looked for` },
  },
  {
    rule: 'each dependency is accounted for',
    check: checkDependencies,
    breaks: [
      { files: { 'package.json': '{"dependencies":{"pg":"1"}}' }, says: 'no line says why pg is used' },
      { files: { 'package.json': '{}', 'docs/dependencies.md': '| `pg` | why |' }, says: 'pg is no dependency' },
    ],
    keeps: { 'package.json': '{"devDependencies":{"pg":"1"}}', 'docs/dependencies.md': '| `pg` | why |' },
  },
  {
    rule: 'decisions are numbered without gaps',
    check: checkDecisions,
    breaks: [
      { files: { 'docs/decisions/0002-second.md': '' }, says: 'expected number 0001' },
      { files: { 'docs/decisions/0001-first.md': '', 'docs/decisions/0001-other.md': '' }, says: 'expected number 0002' },
    ],
    keeps: { 'docs/decisions/0001-first.md': '', 'docs/decisions/0002-second.md': '' },
  },
];

let sources: Sources;
beforeAll(async () => (sources = await readSources()));

test('the house looks at files and imports of every kind', () => {
  const codes = [...sources.keys()].filter((path) => path.endsWith('.ts'));
  expect(codes.length).toBeGreaterThan(50);
  expect([...sources.keys()]).toEqual(expect.arrayContaining(['package.json', 'lib/base/clock.ts', 'scripts/setup', '.oxlintrc.json']));
  expect(allImports(sources).length).toBeGreaterThan(codes.length);
});

for (const { rule, check, breaks, keeps } of rules) {
  describe(rule, () => {
    test('in this house', () => expect(check(sources)).toEqual([]));
    for (const { files, says } of breaks) {
      test(`is broken by ${Object.keys(files).join(' and ')} (${says})`, () => {
        expect(check(new Map(Object.entries(files))).join('\n')).toContain(says);
      });
    }
    test('is kept by what only looks like it', () => expect(check(new Map(Object.entries(keeps)))).toEqual([]));
  });
}

describe('lengths, default exports, and globals that only the doors may use', () => {
  const long = (lines: number): string => Array.from({ length: lines }, (_, index) => `void ${index};`).join('\n');
  const samples = [
    { behaviour: 'a file of 601 lines is too long', path: 'hall/a.ts', text: long(601), says: 'too many lines' },
    { behaviour: 'a file of 600 lines is not', path: 'hall/a.ts', text: long(600), says: '' },
    {
      behaviour: 'a function of 71 lines is too long',
      path: 'hall/a.ts',
      text: `export function a() {\n${long(69)}\n}`,
      says: 'too many lines',
    },
    { behaviour: 'a function of 70 lines is not', path: 'hall/a.ts', text: `export function a() {\n${long(68)}\n}`, says: '' },
    { behaviour: 'a chapter of tests may be longer', path: 'hall/a.test.ts', text: `describe('a', () => {\n${long(99)}\n});`, says: '' },
    { behaviour: 'a default export is refused', path: 'hall/a.ts', text: 'export default 1;', says: 'named exports' },
    ...[
      'Date.now()',
      'performance.now()',
      'Math.random()',
      'setTimeout(() => 1, 1)',
      'setInterval(() => 1, 1)',
      `process.env['A']`,
      'process.argv',
      'console.log(1)',
    ].flatMap((use) => [
      { behaviour: `${use} is refused`, path: 'hall/a.ts', text: `void ${use};`, says: 'hall/a.ts:1' },
      { behaviour: `${use} may stand in main.ts`, path: 'hall/main.ts', text: `void ${use};`, says: '' },
      { behaviour: `${use} may stand in a test`, path: 'hall/a.test.ts', text: `void ${use};`, says: '' },
    ]),
    {
      behaviour: 'a timer by its module is refused',
      path: 'hall/a.ts',
      text: `import { setTimeout as s } from 'node:timers/promises'; s(1);`,
      says: 'Clock',
    },
    { behaviour: 'a name in a comment is no use', path: 'hall/a.ts', text: '// Date.now() and console.log()', says: '' },
  ];

  test('in this house', async () => {
    const { found, files } = await lintShape(root);
    expect(shapeProblems(found)).toEqual([]);
    expect(files).toBeGreaterThan(50);
  });

  // One run of the linter over all samples: each stands in a folder of its own, which is taken off again.
  test('each sample is judged as it should be', async () => {
    await using folder = await temporaryFolder('house');
    for (const [index, { path, text }] of samples.entries()) {
      const file = join(folder.path, String(index), path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `${text}\n`);
    }
    const { found } = await lintShape(folder.path);
    const judged = samples.map((_, index) => {
      const own = found.filter(({ filename }) => filename.startsWith(`${index}/`));
      return shapeProblems(own.map((each) => ({ ...each, filename: each.filename.slice(`${index}/`.length) }))).join('\n');
    });
    const wrong = samples.filter(({ says }, index) => (says === '' ? judged[index] !== '' : judged[index]?.includes(says) !== true));
    expect(wrong.map(({ behaviour }) => behaviour)).toEqual([]);
  });
});
