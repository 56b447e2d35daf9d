import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { notifyConfiguration } from '#operator/notify/configuration.ts';
import { writeAlertmanagerFiles } from '#operator/notify/testing/alertmanager-files.ts';
import { hallNotify, mailEntry, settings } from '#operator/notify/testing/examples.ts';
import { systemProgram } from '#test/cluster/programs.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { alertRules } from './rule-files.ts';

let folder: TemporaryFolder;
let config: string;

beforeAll(async () => {
  folder = await temporaryFolder('routing');
  const entry = (name: string, match: { readonly severity: readonly string[]; readonly component?: readonly string[] }) => ({
    ...mailEntry,
    name,
    match,
  });
  const north = hallNotify([
    entry('pager', { severity: ['critical'] }),
    entry('tickets', { severity: ['warning'] }),
    entry('database', { severity: ['critical', 'warning'], component: ['pair'] }),
  ]);
  const outcome = notifyConfiguration({ halls: new Map([['north', north]]), settings: settings({ watchdogUrl: new Secret('http://w') }) });
  expect(outcome.halls.get('north')).toMatchObject({ routed: true });
  config = await writeAlertmanagerFiles(folder.path, outcome);
});

afterAll(() => folder?.remove());

test('every alert of a hall reaches who asked for its severity and component, and nobody else', async () => {
  for (const { alert, labels } of await alertRules()) {
    const given = Object.entries({ alertname: alert, hall: 'north', ...labels }).map(([name, value]) => `${name}=${value}`);
    const to = await runTool(systemProgram('amtool'), ['config', 'routes', 'test', `--config.file=${config}`, ...given]);
    const bySeverity = labels['severity'] === 'critical' ? 'north/pager' : 'north/tickets';
    const expected = labels['component'] === 'pair' ? [bySeverity, 'north/database'] : [bySeverity];
    expect([alert, to.trim()]).toEqual([alert, alert === 'HallkeeperWatchdog' ? 'watchdog' : expected.join(',')]);
  }
});
