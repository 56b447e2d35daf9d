import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { optionErrors } from '#lib/base/fields.ts';
import { silentLog } from '#lib/base/log.ts';
import { Secret } from '#lib/base/secret.ts';
import { systemClock } from '#lib/base/system-clock.ts';
import { systemRandom } from '#lib/base/system-random.ts';
import { namespace, startApiServer } from '#test/api/api-server.ts';
import type { ApiServer } from '#test/api/api-server.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { temporaryFolder } from '#test/cluster/temporary.ts';
import type { TemporaryFolder } from '#test/cluster/temporary.ts';
import { formatBundle, formatMemberSettings, memberAccountName, settingsKey, tokenKey } from './contract.ts';
import type { MemberSettings } from './contract.ts';
import { SettingsSource } from './settings-source.ts';
import type { SettingsPorts } from './settings-source.ts';
import { someSettings } from './testing/settings.ts';

const account = memberAccountName('pair-7', 'a');
const waits = { maxMs: 60_000 } as const;
const signal = new AbortController().signal;
let api: ApiServer;
let folder: TemporaryFolder;
let bundleFile: string;
let state: string;
const errors: string[] = [];
const ports: SettingsPorts = {
  clock: systemClock,
  random: systemRandom,
  log: { ...silentLog, error: (fields, message) => void errors.push(`${message}: ${String(fields['error'])}`) },
  userAgent: 'test',
  refuseUnusable: () => Promise.resolve(),
};

const newToken = async (): Promise<string> => (await api.kubectl('create', 'token', account)).trim();
async function putSecret(settings: string, token: string): Promise<void> {
  const file = join(folder.path, 'secret.json');
  const stringData = { [settingsKey]: settings, [tokenKey]: token };
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: account, namespace }, stringData }), {
    mode: 0o600,
  });
  await api.kubectl('apply', '--server-side', '-f', file);
}
const open = async (bundle: string | undefined = bundleFile): Promise<SettingsSource> =>
  await SettingsSource.open(state, bundle, ports, signal);

beforeAll(async () => {
  api = await startApiServer();
  folder = await temporaryFolder('settings');
  state = join(folder.path, 'state');
  bundleFile = join(folder.path, 'bundle.json');
  await api.kubectl('create', 'serviceaccount', account);
  await api.kubectl('create', 'role', account, '--verb=get,watch', '--resource=secrets', `--resource-name=${account}`);
  await api.kubectl('create', 'rolebinding', account, `--role=${account}`, `--serviceaccount=${namespace}:${account}`);
  await putSecret(formatMemberSettings(someSettings()), await newToken());
  const bundle = { server: api.controlPlane.url, authority: api.controlPlane.ca, namespace, pair: 'pair-7', member: 'a' };
  await writeFile(bundleFile, formatBundle({ ...bundle, token: new Secret(await newToken()) }), { mode: 0o600 });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await folder?.remove();
});

describe('a member that was never enrolled', () => {
  test('says so without a bundle', async () => {
    await expect(open(join(folder.path, 'absent.json'))).rejects.toMatchObject({ code: 'HK_MEMBER_NOT_ENROLLED' });
    await expect(SettingsSource.open(state, undefined, ports, signal)).rejects.toThrow('hallctl pair enrol');
  });

  test('says what is wrong with a bundle, and keeps nothing', async () => {
    const wrong = join(folder.path, 'wrong.json');
    await writeFile(wrong, JSON.stringify({ ...JSON.parse(await readFile(bundleFile, 'utf8')), server: 'http://x', pair: undefined }));
    await expect(open(wrong)).rejects.toThrow(/wrong\.json cannot be used.*server must be an https address.*pair is required/);
    await writeFile(wrong, JSON.stringify({ ...JSON.parse(await readFile(bundleFile, 'utf8')), token: 'old' }));
    await expect(open(wrong)).rejects.toMatchObject({ code: 'HK_MEMBER_SETTINGS' });
    await expect(stat(join(state, 'enrolment.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('an enrolled member', () => {
  test('finds its settings with the bundle once, and afterwards without it, also when the API server is away', async () => {
    const first = await open();
    expect(first.settings).toEqual(someSettings());
    await first.client().close();
    expect((await stat(join(state, 'enrolment.json'))).mode & 0o777).toBe(0o600);
    await api.controlPlane.apiserver.stop();
    const again = await SettingsSource.open(state, undefined, ports, signal);
    expect(again.settings).toEqual(someSettings());
    await again.client().close();
    await api.controlPlane.apiserver.start();
  });

  test('follows its Secret: new settings, a new token, and both refused and foreign settings leave what works', async () => {
    const refuseUnusable = ({ revision }: MemberSettings): Promise<void> =>
      revision === 'unusable' ? Promise.reject(optionErrors.HK_OPTIONS_INVALID('suspectAfterMs is too low')) : Promise.resolve();
    const source = await SettingsSource.open(state, undefined, { ...ports, refuseUnusable }, signal);
    const stop = new AbortController();
    const changes: string[] = [];
    const watching = source.watch(({ revision }) => void changes.push(revision), stop.signal);

    const second = someSettings({ revision: 'r2', paused: true });
    await putSecret(formatMemberSettings(second), await newToken());
    await eventually('the change is told', () => changes.includes('r2'), waits);
    expect(source.settings.paused).toBe(true);

    const bad: readonly (readonly [string, string])[] = [
      [formatMemberSettings(someSettings({ revision: 'unusable' })), 'suspectAfterMs is too low'],
      [
        formatMemberSettings(someSettings({ revision: 'r3', pair: { name: 'pair-8', namespace, uid: 'other' } })),
        'they are for member a of pair pair-8',
      ],
      ['{"formatVersion": 9}', 'formatVersion'],
      ['{', 'JSON'],
    ];
    for (const [settings, why] of bad) {
      errors.length = 0;
      const client = source.client();
      await putSecret(settings, await newToken());
      await eventually(`it is refused because ${why}`, () => errors.some((line) => line.includes(why)), waits);
      expect(source.settings).toEqual(second);
      // The token beside them is good, and the only way to better settings.
      await eventually('the token is used', () => source.client() !== client, waits);
    }
    await putSecret(formatMemberSettings(someSettings({ revision: 'r4' })), await newToken());
    await eventually('good settings are taken again', () => changes.at(-1) === 'r4', waits);
    expect(changes).toEqual(['r2', 'r4']);
    stop.abort();
    await watching;
    await source.client().close();
    const kept = await SettingsSource.open(state, undefined, ports, signal);
    expect(kept.settings.revision).toBe('r4');
    await kept.client().close();
  });

  test('with a damaged file says what to do, and quotes no secret', async () => {
    const file = join(state, 'enrolment.json');
    const text = await readFile(file, 'utf8');
    for (const damaged of [text.slice(0, text.length / 2), '', text.replace('"token"', '"tokn"')]) {
      await writeFile(file, damaged);
      const error: unknown = await SettingsSource.open(state, undefined, ports, signal).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'HK_MEMBER_SETTINGS', message: expect.stringContaining('enrol this member anew') as string });
      expect(String(error)).not.toContain('the-private-key');
    }
    await rm(file);
    const anew = await open();
    expect(anew.settings.revision).toBe('r4');
    await anew.client().close();
  });
});
