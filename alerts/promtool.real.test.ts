import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemProgram } from '#test/cluster/programs.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import { alertRuleTexts, alertsFolder } from './rule-files.ts';

const paths = async (folder: URL): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.yaml')).map((name) => fileURLToPath(new URL(name, folder)));

test('promtool accepts every rule file', async () => {
  const files = await paths(alertsFolder);
  expect(files).toHaveLength(Object.keys(await alertRuleTexts()).length);
  const said = await runTool(systemProgram('promtool'), ['check', 'rules', ...files]);
  expect(said.match(/SUCCESS/g)).toHaveLength(files.length);
});

test('every alert fires, waits, ends and stays quiet as its promtool tests say', async () => {
  const files = await paths(new URL('promtool/', alertsFolder));
  const said = await runTool(systemProgram('promtool'), ['test', 'rules', ...files]);
  expect(said.match(/SUCCESS/g)).toHaveLength(files.length);
});

test('promtool understands every query that a runbook tells to run', async () => {
  const folder = new URL('../docs/runbooks/', alertsFolder);
  const pages = await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder), 'utf8')));
  const queries = pages.flatMap((page) =>
    [...page.matchAll(/^ *```promql\n([^`]*)```/gm)].flatMap(([, block = '']) => block.trim().split('\n')),
  );
  expect(queries.length).toBeGreaterThan(20);
  await using temporary = await temporaryFolder('runbooks');
  const file = join(temporary.path, 'queries.yaml');
  const rules = queries.map((query, index) => ({ record: `query:${index}`, expr: query.trim() }));
  await writeFile(file, JSON.stringify({ groups: [{ name: 'runbooks', rules }] }));
  expect(await runTool(systemProgram('promtool'), ['check', 'rules', file])).toContain(`${queries.length} rules found`);
});
