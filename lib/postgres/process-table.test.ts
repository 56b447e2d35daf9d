import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isSameProcess, readProcess } from './process-table.ts';

describe('isSameProcess', () => {
  it('knows a living process, and takes another with its number for another', async () => {
    const own = await readProcess(process.pid);
    if (own === undefined) throw new Error('this process is not in the process table');
    expect(isSameProcess(own)).toBe(true);
    expect(isSameProcess({ ...own, startTicks: '1' })).toBe(false);
  });

  it('says of a process that ended that it is gone', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const facts = await readProcess(child.pid ?? 0);
    if (facts === undefined) throw new Error('the child is not in the process table');
    expect(isSameProcess(facts)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isSameProcess(facts)).toBe(false);
  });
});
