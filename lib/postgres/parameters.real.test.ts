import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '#test/cluster/eventually.ts';
import type { InstanceSettings, PostgresInstance } from './instance.ts';
import { openInstance } from './open-instance.ts';
import type { RealPair } from './testing/real-pair.ts';
import { realPair, soon, startFirst, testPorts } from './testing/real-pair.ts';
import { tryParameters } from './try-parameters.ts';

// What a pair sets for itself must never keep the gate from moving.
describe("a pair's own parameters", () => {
  let pair: RealPair;
  beforeAll(async () => {
    pair = await realPair();
    await startFirst(pair);
  });
  afterAll(() => pair[Symbol.asyncDispose]());

  const withParameters = (parameters: Readonly<Record<string, string>>, change: Partial<InstanceSettings> = {}): PostgresInstance => {
    const settings = pair.settingsOf('a');
    return openInstance({ ...settings, parameters: { ...settings.parameters, ...parameters }, ...change }, testPorts);
  };

  test('are tried one and all, and each that PostgreSQL would not take is told', async () => {
    const parameters = {
      work_mem: '64MB',
      work_memm: '1MB',
      TimeZone: 'Mars',
      max_connections: '0',
      'app.color': 'red',
      log_checkpoints: 'off',
    };
    const tried = await tryParameters({ ...pair.settingsOf('a'), parameters }, soon());
    expect(tried.usable).toEqual({ work_mem: '64MB', 'app.color': 'red', log_checkpoints: 'off' });
    expect(tried.faults.join('; ')).toMatch(/"work_memm".*"TimeZone".*"max_connections"/);
  });

  test('are left out when an earlier version of the agent had taken them: the server starts, and its gate moves', async () => {
    await pair.a.stop(soon());
    const wrong = withParameters({ work_memm: '1MB', work_mem: '5MB', vacuum_cost_delay: 'often' });
    await wrong.start({ as: 'primary', gate: 'closed' }, soon());
    await wrong.waitReady(soon());
    await wrong.setGate('none', soon());
    const { rows } = await wrong.openLine('test').query(`SELECT current_setting('work_mem') AS work_mem`, [], soon());
    expect(rows).toEqual([{ work_mem: '5MB' }]);
    await wrong.close();
  });

  test('of a changed pair are in force when the agent is back, without a change of role', async () => {
    const changed = withParameters({ work_mem: '7MB' });
    await changed.setTls(changed.settings.tls, soon());
    const line = changed.openLine('test');
    const look = async (): Promise<boolean> => {
      const { rows } = await line.query(`SELECT current_setting('work_mem') AS work_mem`, [], soon());
      return rows[0]?.['work_mem'] === '7MB';
    };
    await eventually('the change is in force', look, { maxMs: 10_000 });
    await changed.close();
  });

  test('are left out when the running server, unlike the installed programs, does not know them', async () => {
    const newer = join(pair.folder.path, 'newer');
    await mkdir(newer);
    await writeFile(join(newer, 'postgres'), '#!/bin/sh\nexit 0\n');
    await chmod(join(newer, 'postgres'), 0o755);
    const other = withParameters({ of_the_next_version: 'on' }, { binaryDirectory: newer });
    expect(await other.serverState(5_000)).toBe('ready');
    await other.setGate('closed', soon());
    await other.setGate('none', soon());
    expect(other.settings.parameters).not.toHaveProperty('of_the_next_version');
    await other.close();
  });
});
