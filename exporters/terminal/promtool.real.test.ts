import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { systemProgram } from '#test/cluster/programs.ts';

test('promtool finds nothing to say about the text exposition', async () => {
  const text = await readFile(new URL('golden/terminals.txt', import.meta.url));
  const promtool = spawn(systemProgram('promtool'), ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  promtool.stdout.on('data', (data: Buffer) => (said += data.toString()));
  promtool.stderr.on('data', (data: Buffer) => (said += data.toString()));
  promtool.stdin.end(text);
  const [code] = (await once(promtool, 'close')) as [number | null];
  expect(said).toBe('');
  expect(code).toBe(0);
});
