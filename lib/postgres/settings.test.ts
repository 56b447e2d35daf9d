import { describe, expect, test } from 'vitest';
import { Secret } from '#lib/base/secret.ts';
import { settingsProblems } from './check-settings.ts';
import {
  connectionString,
  quoteConfiguration,
  readChoice,
  renderConfiguration,
  renderHostAccess,
  renderIdentMap,
} from './configuration.ts';
import type { InstanceSettings } from './instance.ts';
import { gates, memberCommonName } from './instance.ts';
import { applicationNameOf, gateName, standbyNames } from './names.ts';
import { refusedParameters } from './parameters.ts';
import { pathsOf } from './paths.ts';

function someSettings(change: Partial<InstanceSettings> = {}): InstanceSettings {
  return {
    binaryDirectory: '/usr/lib/postgresql/15/bin',
    stateDirectory: '/var/lib/hallkeeper/state',
    dataDirectory: '/var/lib/hallkeeper/data',
    account: { uid: 101, gid: 104 },
    localUsers: [{ osUser: 'root', role: 'hallkeeper' }],
    self: { name: 'north', address: '10.0.0.1', port: 5432 },
    peer: { name: 'south-2', address: '10.0.0.2', port: 5432 },
    tls: { certificate: 'CERT', key: new Secret('KEY'), authority: 'CA' },
    databases: [{ name: 'app', owner: 'app_owner' }],
    parameters: {},
    slotKeepMegabytes: 1_024,
    ...change,
  };
}

const render = (settings: InstanceSettings, gate: (typeof gates)[number] = 'closed', follow = true): string =>
  renderConfiguration(settings, pathsOf(settings), { gate, follow, clients: 'open' });

describe('settings of an instance', () => {
  test('good ones have no problem', () => expect(settingsProblems(someSettings())).toEqual([]));

  const refused: readonly { readonly behaviour: string; readonly change: Partial<InstanceSettings>; readonly says: string }[] = [
    {
      behaviour: 'state inside the data directory',
      change: { stateDirectory: '/var/lib/hallkeeper/data/state' },
      says: 'must not be in the data directory',
    },
    {
      behaviour: 'data inside the state directory',
      change: { dataDirectory: '/var/lib/hallkeeper/state/data' },
      says: 'must not be in the state directory',
    },
    {
      behaviour: 'one directory for both',
      change: { dataDirectory: '/var/lib/hallkeeper/state' },
      says: 'must not be in the data directory',
    },
    { behaviour: 'a relative path', change: { dataDirectory: 'data' }, says: 'absolute' },
    { behaviour: 'a path that ends with a slash', change: { dataDirectory: '/var/data/' }, says: 'normal path' },
    {
      behaviour: 'a socket path longer than the kernel takes',
      change: { stateDirectory: `/${'x'.repeat(100)}` },
      says: 'shorter state directory',
    },
    { behaviour: 'root as the account', change: { account: { uid: 0, gid: 0 } }, says: 'root' },
    {
      behaviour: 'members that differ only by a dash',
      change: { self: { name: 'south_2', address: '10.0.0.1', port: 1 } },
      says: 'DNS label',
    },
    {
      behaviour: 'one name for both members',
      change: { self: { name: 'south-2', address: '10.0.0.1', port: 1 } },
      says: 'both members would be called',
    },
    {
      behaviour: 'one address for both members',
      change: { self: { name: 'north', address: '10.0.0.2', port: 5432 } },
      says: 'same address',
    },
    {
      behaviour: 'a host name as address',
      change: { peer: { name: 'south', address: 'south.example', port: 1 } },
      says: 'not an IP address',
    },
    { behaviour: 'a database of ours', change: { databases: [{ name: 'hallkeeper', owner: 'app' }] }, says: 'database "hallkeeper"' },
    {
      behaviour: 'an owner of ours',
      change: { databases: [{ name: 'app', owner: 'hallkeeper_replication' }] },
      says: 'owner "hallkeeper_replication"',
    },
    { behaviour: 'a name that breaks out of its quotes', change: { databases: [{ name: 'a" b', owner: 'app' }] }, says: 'not a name' },
    {
      behaviour: 'a user that breaks out of its quotes',
      change: { localUsers: [{ osUser: 'a" b', role: 'hallkeeper' }] },
      says: 'not a user name',
    },
    { behaviour: 'a parameter with a line break', change: { parameters: { work_mem: "1MB'\nfsync = 'off" } }, says: 'one line' },
    { behaviour: 'a parameter that is no name', change: { parameters: { 'work mem': '1' } }, says: 'not a parameter' },
    { behaviour: 'no more connections than are kept for the agent', change: { parameters: { Max_Connections: '10' } }, says: 'above 10' },
    { behaviour: 'a parameter twice', change: { parameters: { work_mem: '1MB', WORK_MEM: '2MB' } }, says: 'set twice' },
  ];
  for (const { behaviour, change, says } of refused) {
    test(`${behaviour} is refused`, () => expect(settingsProblems(someSettings(change)).join('; ')).toContain(says));
  }

  test('all problems come at once', () => {
    const problems = settingsProblems(
      someSettings({ dataDirectory: 'data', slotKeepMegabytes: 0, parameters: { fsync: 'off', port: '1' } }),
    );
    expect(problems.length).toBeGreaterThanOrEqual(4);
  });

  for (const name of Object.keys(refusedParameters)) {
    const sample = name.endsWith('*') ? `${name.slice(0, -1)}x` : name.toUpperCase();
    test(`parameter ${sample} is refused with its reason`, () => {
      const problems = settingsProblems(someSettings({ parameters: { [sample]: 'on' } }));
      expect(problems).toEqual([`parameter ${sample} must not be set: ${refusedParameters[name] ?? ''}`]);
    });
  }
});

describe('postgresql.conf', () => {
  test('each gate and each upstream is read back from the file', () => {
    const settings = someSettings();
    for (const gate of gates) {
      for (const follow of [true, false])
        expect(readChoice(render(settings, gate, follow), settings)).toEqual({ gate, follow, clients: 'open' });
    }
    expect(readChoice('', settings)).toBeUndefined();
    expect(readChoice(render(settings, 'peer'), someSettings({ peer: { name: 'other', address: '10.0.0.2', port: 1 } }))).toBeUndefined();
  });

  test('no member can bear the name of the gate', () => {
    expect(standbyNames('closed', 'x')).toBe(`"${gateName}"`);
    expect(applicationNameOf('gate')).not.toBe(gateName);
    expect(standbyNames('peer', 'south-2')).toBe('FIRST 1 ("hallkeeper_member_south_2")');
  });

  test('own parameters are taken over, and ours come after them', () => {
    const lines = render(someSettings({ parameters: { work_mem: "it's", log_checkpoints: 'off', fsync: 'off' } })).split('\n');
    expect(lines).toContain("work_mem = 'it''s'");
    expect(lines.filter((line) => line.startsWith('log_checkpoints'))).toEqual(["log_checkpoints = 'off'"]);
    expect(lines.findLast((line) => line.startsWith('fsync '))).toBe("fsync = 'on'");
  });

  test('quotes and backslashes survive both quotings', () => {
    expect(quoteConfiguration("a\\b'c")).toBe("'a\\\\b''c'");
    expect(connectionString({ host: "a\\b'c", port: 1 })).toBe("host='a\\\\b\\'c' port='1'");
  });

  test('holds no key and no certificate', () => {
    const settings = someSettings();
    expect(render(settings)).not.toMatch(/KEY|CERT/);
  });
});

describe('pg_hba.conf', () => {
  test('admits our roles by the socket, certificates over TLS, and nothing else', () => {
    const lines = renderHostAccess(someSettings(), 'open').trim().split('\n').slice(1);
    expect(lines).toMatchInlineSnapshot(`
      [
        "local all "hallkeeper" peer map=hallkeeper_local",
        "local "hallkeeper" "hallkeeper_hall" peer map=hallkeeper_local",
        "local all all reject",
        "hostssl replication "hallkeeper_replication" all cert map=hallkeeper_member",
        "hostssl "hallkeeper" "hallkeeper_replication","hallkeeper_canary" all cert map=hallkeeper_member",
        "hostssl "app" "app_owner" all cert",
        "host all all all reject",
        "host replication all all reject",
      ]
    `);
    for (const line of lines) expect(line).toMatch(/ (reject|cert|cert map=\w+|peer map=\w+)$/);
  });

  test('closed to clients has no line for an application', () => {
    const text = renderHostAccess(someSettings(), 'closed');
    expect(text).not.toContain('app');
    expect(text).toContain('hallkeeper_replication');
  });

  test('the ident map names users and certificates', () => {
    expect(renderIdentMap(someSettings(), memberCommonName).trim().split('\n').slice(1)).toMatchInlineSnapshot(`
      [
        "hallkeeper_local "root" "hallkeeper"",
        "hallkeeper_member "hallkeeper-member" "hallkeeper_replication"",
        "hallkeeper_member "hallkeeper-member" "hallkeeper_canary"",
      ]
    `);
  });
});
