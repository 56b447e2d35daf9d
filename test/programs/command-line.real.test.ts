import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repositoryRoot } from '../api/api-server.ts';
import { temporaryFolder } from '../cluster/temporary.ts';

/** Every program is used alike: the same options, the same streams, the same exit codes. */
const programs = [
  { name: 'hallkeeper-hall', main: 'hall/main.ts' },
  { name: 'hallkeeper-member', main: 'agents/member/main.ts' },
  { name: 'hallkeeper-operator', main: 'operator/main.ts' },
  { name: 'hallkeeper-terminal', main: 'agents/terminal/main.ts' },
  { name: 'hallkeeper-terminals', main: 'agents/terminal/load/main.ts' },
  { name: 'hallkeeper-exporter-terminal', main: 'exporters/terminal/main.ts' },
] as const;
/** Commands that run to their end. */
const commands = [
  { name: 'hallctl', main: 'cli/main.ts', before: [] },
  ...['status', 'explain', 'switchover', 'drill', 'adopt', 'enrol'].map((verb) => {
    return { name: `hallctl pair ${verb}`, main: 'cli/main.ts', before: ['pair', verb] };
  }),
  { name: 'npm run check --', main: 'scripts/check.ts', before: [] },
  { name: 'npm run generate --', main: 'scripts/generate.ts', before: [] },
  { name: 'npm run bench --', main: 'test/bench/main.ts', before: [] },
  { name: 'npm run demo --', main: 'demo/main.ts', before: [] },
] as const;
const patienceMs = 120_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let version: string;
beforeAll(async () => {
  folder = await temporaryFolder('command-line');
  version = (JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as { readonly version: string }).version;
});
afterAll(() => folder?.remove());

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (main: string, ...args: readonly string[]): Promise<Ended> => runWith({}, main, ...args);

function runWith(variables: Readonly<Record<string, string>>, main: string, ...args: readonly string[]): Promise<Ended> {
  const env = { ...process.env, ...variables };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(repositoryRoot, main), ...args], { timeout: patienceMs, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err });
    });
  });
}

async function fileOf(name: string, text: string): Promise<string> {
  const file = join(folder.path, name);
  await writeFile(file, text);
  return file;
}

describe.each([...programs.map((each) => ({ ...each, before: [] })), ...commands])('$name', ({ name, main, before }) => {
  test(
    '--help and --version go to standard output',
    async () => {
      const help = await run(main, ...before, '--help');
      expect(help).toMatchObject({ code: 0, err: '' });
      expect(help.out).toContain(name);
      expect(help.out).toContain('--version');
      expect(await run(main, ...before, '--version')).toEqual({ code: 0, out: `${name.replace(/ --$/, '')} ${version}\n`, err: '' });
    },
    patienceMs,
  );

  test(
    'wrong usage goes to standard error, with how to get help',
    async () => {
      const wrong = await run(main, ...before, '--confg');
      expect(wrong).toMatchObject({ code: 2, out: '' });
      expect(wrong.err).toContain(`See '${name} --help'`);
    },
    patienceMs,
  );
});

describe('hallctl', () => {
  test(
    'tells its commands wherever help is asked for, and knows no other',
    async () => {
      const help = await run('cli/main.ts', '--help');
      expect(await run('cli/main.ts', 'pair', '--help')).toEqual(help);
      expect(await run('cli/main.ts', 'pair', 'promote')).toMatchObject({ code: 2, out: '' });
      expect(await run('cli/main.ts')).toMatchObject({ code: 2, out: '' });
    },
    patienceMs,
  );

  test(
    'does not choose between the files of $KUBECONFIG, with or without --json',
    async () => {
      for (const flags of [[], ['--json']]) {
        const { code, out, err } = await runWith({ KUBECONFIG: '/a:/b' }, 'cli/main.ts', 'pair', 'enrol', 'pair-7', 'a', ...flags);
        expect([code, out]).toEqual([2, '']);
        expect(err).toContain('choose one with --kubeconfig');
      }
    },
    patienceMs,
  );

  test(
    'names a kubeconfig that is not one without showing the token in it',
    async () => {
      const file = await fileOf('kubeconfig', 'users:\n- user: {token: *hunter2}\n');
      const { code, err } = await run('cli/main.ts', 'pair', 'enrol', 'pair-7', 'a', '--kubeconfig', file);
      expect(code).toBe(1);
      expect(err).toContain(`${file} is not YAML: unidentified alias`);
      expect(err).not.toContain('hunter2');
    },
    patienceMs,
  );

  test(
    'takes -n for a letter of its own only where an option is expected',
    async () => {
      const { code, err } = await run('cli/main.ts', 'pair', 'enrol', 'pair-7', 'a', '--kubeconfig=-n');
      expect(code).toBe(1);
      expect(err).toContain("'-n'");
    },
    patienceMs,
  );
});

test(
  'the demo finds out before it starts anything that its report cannot be written',
  async () => {
    const file = join(folder.path, 'absent', 'out.json');
    const { code, out, err } = await run('demo/main.ts', '--once', '--json', file);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(file);
  },
  patienceMs,
);

test(
  'the handbook tells of every program and of each of its options',
  async () => {
    const page = await readFile(join(repositoryRoot, 'docs', 'programs.md'), 'utf8');
    for (const { name, main } of programs) expect(page).toMatch(new RegExp(`^\\| \`${name}\` .*\`${main}\``, 'm'));
    const help = (await run('hall/main.ts', '--help')).out;
    const told = [...page.matchAll(/^\| `(--[^`]+)`/gm)].map(([, option = '']) => option);
    const known = [...help.matchAll(/^ {2}(--[a-z-]+(?: [A-Z]+)?)/gm)].map(([, option = '']) => option);
    expect(new Set(known)).toEqual(new Set(told));
  },
  patienceMs,
);

describe.each(programs)('the settings of $name', ({ name, main }) => {
  test(
    'must be named, and the level of the log must be one',
    async () => {
      const wrong = await run(main, '--log-level', 'loud');
      expect(wrong).toMatchObject({ code: 2, out: '' });
      expect(wrong.err).toContain('--config FILE is required; --log-level must be one of debug, info, warn, error');
    },
    patienceMs,
  );

  test(
    'are refused with every problem, in words and as JSON',
    async () => {
      const file = await fileOf(`${name}.json`, '{"colour": "red", "flavour": "sweet"}');
      const words = await run(main, '--config', file, '--check-config');
      expect(words).toMatchObject({ code: 1, out: '' });
      expect(words.err).toContain('colour is not a known setting; flavour is not a known setting');
      const json = await run(main, '--config', file, '--check-config', '--json');
      expect(json).toMatchObject({ code: 1, err: '' });
      expect(JSON.parse(json.out)).toMatchObject({
        ok: false,
        file,
        problems: expect.arrayContaining(['colour is not a known setting', 'flavour is not a known setting']) as unknown,
      });
      expect(await run(main, '--config', file, '--json')).toMatchObject({ code: 2, out: '' });
    },
    patienceMs,
  );

  test(
    'never show a secret that stands beside a fault',
    async () => {
      const file = await fileOf(`${name}-broken`, 'smtp: {\n"password": "hunter2"\n"colour": red: [\n');
      const { code, out, err } = await run(main, '--config', file, '--check-config');
      expect([code, out]).toEqual([1, '']);
      expect(err).toContain(`${name}: the text cannot be understood: ${file} is not `);
      expect(err).not.toContain('hunter2');
    },
    patienceMs,
  );
});
