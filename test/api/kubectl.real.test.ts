import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drillScheduleResource } from '#lib/api/drillschedule.gen.ts';
import { failoverPairResource } from '#lib/api/failoverpair.gen.ts';
import { hallResource } from '#lib/api/hall.gen.ts';
import { pairOperationResource } from '#lib/api/pairoperation.gen.ts';
import { pairRecordResource } from '#lib/api/pairrecord.gen.ts';
import { terminalResource } from '#lib/api/terminal.gen.ts';
import { repositoryRoot, startApiServer } from './api-server.ts';
import type { ApiServer, Manifest } from './api-server.ts';
import { aDrillSchedule, aHall, aPair, aPairOperation, aPairRecord, aTerminal } from './builders.ts';
import { schemasOf } from './rule-example.ts';
import { readCrds } from '../../scripts/generate/crd.ts';

const crds = await readCrds(repositoryRoot);
const resources = [drillScheduleResource, failoverPairResource, hallResource, pairOperationResource, pairRecordResource, terminalResource];
const earlier = '2026-01-01T00:00:00Z';
const condition = (type: string, status: string, reason = 'Shown'): object => ({
  type,
  status,
  lastTransitionTime: earlier,
  reason,
  message: '',
});

const failover = {
  epoch: 4,
  reason: 'Silence',
  from: 'b',
  to: 'a',
  completedAt: earlier,
  writeOutageMs: 640,
  phases: { detect: 600, decide: 12 },
  positionAcknowledged: '0/3000060',
  positionAtClaim: '0/3000100',
  positionAtOpen: '0/3000178',
};
const shown: readonly (Manifest & { readonly status?: object })[] = [
  {
    ...aHall(),
    status: {
      terminals: { total: 40, online: 37, summary: '37/40' },
      primary: 'a',
      failoverReady: 'True',
      conditions: [condition('Ready', 'True')],
    },
  },
  {
    ...aTerminal({ name: 't-001' }),
    status: { state: 'Hung', since: earlier, content: { active: 'spring' }, channel: 'lte' },
  },
  {
    ...aPair(),
    status: {
      mode: 'Sync',
      primary: 'a',
      standby: 'b',
      epoch: 4,
      members: [
        { name: 'a', role: 'Primary' },
        { name: 'b', role: 'Standby', lag: 'None' },
      ],
      lastFailover: failover,
      conditions: [condition('ZeroLossFailoverPossible', 'True', 'StandbyStreaming')],
    },
  },
  { ...aPairOperation(), status: { conditions: [condition('Failed', 'True', 'Expired')], report: failover } },
  { ...aDrillSchedule(), status: { nextRun: '2026-11-25T03:00:00Z', lastRun: earlier, lastResult: 'Succeeded' } },
  aPairRecord({ spec: { mode: 'Sync', primary: 'a', epoch: 4, sequence: 17 } }),
];

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
  for (const [index, manifest] of shown.entries()) {
    // As people do it: a file, applied.
    const file = join(server.controlPlane.directory, `shown-${index}.json`);
    await writeFile(file, JSON.stringify(manifest));
    await server.kubectl('apply', '-f', file);
    if (manifest.status !== undefined) expect((await server.updateStatus(manifest)).message).toBe('');
  }
});
afterAll(async () => server[Symbol.asyncDispose]());

const tables: readonly (readonly [string, readonly string[], readonly (string | RegExp)[]])[] = [
  ['halls', ['NAME', 'READY', 'ONLINE', 'PRIMARY', 'FAILOVER-READY', 'AGE'], ['hall-7', 'True', '37/40', 'a', 'True', /^\d+/]],
  [
    'terminals',
    ['NAME', 'HALL', 'STATE', 'SINCE', 'CONTENT', 'CHANNEL', 'AGE'],
    ['t-001', 'hall-7', 'Hung', /^\d+[dy]/, 'spring', 'lte', /^\d+/],
  ],
  [
    'failoverpairs',
    ['NAME', 'PRIMARY', 'MODE', 'EPOCH', 'FAILOVER-READY', 'LAG', 'LAST-FAILOVER', 'AGE'],
    ['pair-7', 'a', 'Sync', '4', 'True', 'None', /^\d+[dy]/, /^\d+/],
  ],
  [
    'pairoperations',
    ['NAME', 'PAIR', 'TYPE', 'MEMBER', 'COMPLETE', 'FAILED', 'AGE'],
    ['switch-pair-7', 'pair-7', 'Switchover', 'b', 'True', /^\d+/],
  ],
  [
    'drillschedules',
    ['NAME', 'PAIR', 'TYPE', 'SCHEDULE', 'SUSPENDED', 'NEXT-RUN', 'LAST-RUN', 'LAST-RESULT', 'AGE'],
    ['weekly', 'pair-7', 'KillPrimary', '0 4 * * WED', 'false', '2026-11-25T03:00:00Z', /^\d+[dy]/, 'Succeeded', /^\d+/],
  ],
  ['pairrecords', ['NAME', 'MODE', 'PRIMARY', 'EPOCH', 'SEQUENCE', 'AGE'], ['pair-7', 'Sync', 'a', '4', '17', /^\d+/]],
];

describe('kubectl get', () => {
  test.each(tables)('%s shows %j', async (plural, columns, cells) => {
    const [head = '', row = '', ...more] = (await server.kubectl('get', plural)).trimEnd().split('\n');
    expect(head.split(/\s{2,}/).map((text) => text.trim())).toEqual(columns);
    const found = row.split(/\s{2,}/).map((text) => text.trim());
    expect(found).toEqual(cells.map((cell) => (typeof cell === 'string' ? cell : expect.stringMatching(cell))));
    expect(more).toEqual([]);
  });

  test('the category shows every kind at once', async () => {
    const text = await server.kubectl('get', 'hallkeeper', '-o', 'name');
    expect(text.trim().split('\n').sort()).toEqual([
      'drillschedule.hallkeeper.dev/weekly',
      'failoverpair.hallkeeper.dev/pair-7',
      'hall.hallkeeper.dev/hall-7',
      'pairoperation.hallkeeper.dev/switch-pair-7',
      'pairrecord.hallkeeper.dev/pair-7',
      'terminal.hallkeeper.dev/t-001',
    ]);
  });
});

test.each(resources.map((resource) => [resource.kind, resource] as const))('%s is found by all its names', async (_, resource) => {
  for (const name of [
    resource.plural,
    resource.singular,
    ...resource.shortNames,
    `${resource.plural}.${resource.version}.${resource.group}`,
  ]) {
    expect(await server.kubectl('get', name, '-o', 'name')).toContain(`${resource.singular}.${resource.group}/`);
  }
});

test('the generated constants are what the API server serves', async () => {
  const served = JSON.parse(await server.kubectl('get', '--raw', `/apis/hallkeeper.dev/v1alpha1`)) as {
    readonly resources: readonly {
      readonly name: string;
      readonly kind: string;
      readonly namespaced: boolean;
      readonly shortNames?: readonly string[];
    }[];
  };
  for (const { plural, kind, namespaced, shortNames, hasStatus } of resources) {
    expect(served.resources.find(({ name }) => name === plural)).toMatchObject({ kind, namespaced, shortNames });
    expect(served.resources.some(({ name }) => name === `${plural}/status`)).toBe(hasStatus);
  }
});

describe('kubectl explain', () => {
  test.each(crds.map((crd) => [crd.kind, crd] as const))('describes every field of %s', async (_, { plural, kind, schema }) => {
    const text = (await server.kubectl('explain', plural, '--recursive')).replaceAll(/\s+/g, ' ');
    expect(text).toContain((schema.description ?? kind).replaceAll(/\s+/g, ' '));
    const names = schemasOf({ schema }).map(
      ({ at }) =>
        at
          .split('.')
          .at(-1)
          ?.replaceAll(/[[\]{}]/g, '') ?? '',
    );
    for (const name of names) expect(text).toContain(name);
  });

  test('reads well for one field', async () => {
    const text = await server.kubectl('explain', 'failoverpair.spec.detection.suspectAfter');
    expect(text.replaceAll(/\s+/g, ' ')).toContain('Heartbeat and remote canary both silent for so long: the standby claims.');
  });
});
