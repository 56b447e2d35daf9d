import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const mainFile = join(import.meta.dirname, 'main.ts');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hallkeeper-main-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: readonly string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [mainFile, ...args], { encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('--help tells what it is and every option', () => {
  const { code, out } = run('--help');
  expect(code).toBe(0);
  for (const part of ['Keeps one PostgreSQL of a failover pair', '--config FILE', '--check-config', 'exit codes'])
    expect(out).toContain(part);
});

test('an unknown option is wrong usage, and says how to get help', () => {
  const { code, err } = run('--confg', 'x');
  expect(code).toBe(2);
  expect(err).toContain('--confg');
  expect(err).toContain("See 'hallkeeper-member --help'");
});

test('without --config it is wrong usage', () =>
  expect(run()).toMatchObject({ code: 2, err: expect.stringContaining('--config FILE is required') as string }));

test('--check-config accepts a good file and starts nothing', () => {
  const path = file('good.yaml', `stateDirectory: ${folder}/state\ndataDirectory: ${folder}/data\n`);
  expect(run('--config', path, '--check-config')).toEqual({ code: 0, out: 'the settings are good\n', err: '' });
});

const bad: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'with several problems',
    'stateDirectory: here\nmetrics: {port: many}\ncolour: red\n',
    ['stateDirectory must be', 'dataDirectory is required', 'metrics.port must be', 'colour'],
  ],
  ['that is no YAML', 'stateDirectory: [\n', ['is not YAML', 'bad.yaml']],
  ['that is empty', '', ['the input is empty', 'bad.yaml']],
];
for (const [which, text, parts] of bad) {
  test(`--check-config with a file ${which} lists everything and fails`, () => {
    const { code, err } = run('--config', file('bad.yaml', text), '--check-config');
    expect(code).toBe(1);
    for (const part of parts) expect(err).toContain(part);
    expect(err).not.toMatch(/\n\s+at /);
  });
}

test('a file that is not there is named', () => {
  const { code, err } = run('--config', join(folder, 'absent.yaml'));
  expect(code).toBe(1);
  expect(err).toContain('absent.yaml');
});

const brokenEnrolments: readonly (readonly [string, string, string])[] = [
  ['a bundle', 'bundle.json', 'cannot be used'],
  ['kept settings', join('kept', 'enrolment.json'), 'is damaged'],
];
test.each(brokenEnrolments)('%s that cannot be read is told without the token in it', (_what, name, says) => {
  mkdirSync(join(folder, 'kept'), { recursive: true });
  file(name, '{"server": "https://10.1.1.1", "token": swordfish}');
  const state = join(folder, name.startsWith('kept') ? 'kept' : 'state');
  const options = `stateDirectory: ${state}\ndataDirectory: ${folder}/data\nbundle: ${folder}/bundle.json\n`;
  const { code, err } = run('--config', file('enrolled.yaml', options));
  expect(code).toBe(1);
  expect(err).toContain(says);
  expect(err).toContain('is not JSON: it ends too early or holds something else');
  expect(err).not.toContain('swordfish');
});

test('a member that was never enrolled says how to enrol it', () => {
  const { code, err } = run('--config', file('new.yaml', `stateDirectory: ${folder}/state\ndataDirectory: ${folder}/data\n`));
  expect(code).toBe(1);
  expect(err).toContain('hallctl pair enrol');
});
