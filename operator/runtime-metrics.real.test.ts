import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { systemProgram } from '#test/cluster/programs.ts';
import { metricsText } from './runtime-metrics.ts';
import { registryOfOperator } from './testing/registry.ts';

test('promtool finds nothing to say about what the operator exposes', async () => {
  const text = await metricsText(registryOfOperator());
  expect(text).toContain('workqueue_work_duration_seconds_bucket{le="1e-08",name="hall",controller="hall"} 0');
  const promtool = spawn(systemProgram('promtool'), ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  promtool.stdout.on('data', (data: Buffer) => (said += data.toString()));
  promtool.stderr.on('data', (data: Buffer) => (said += data.toString()));
  promtool.stdin.end(text);
  const [code] = (await once(promtool, 'close')) as [number | null];
  expect(said).toBe('');
  expect(code).toBe(0);
});
