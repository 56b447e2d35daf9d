import { expect, test } from 'vitest';
import { postgresUser } from '#test/cluster/postgres-user.ts';
import { refuseUnusableHere } from './instance-settings.ts';
import { resolveMemberOptions } from './member-options.ts';
import { someSettings } from './testing/settings.ts';

const postgresql = { user: postgresUser().name };
const options = resolveMemberOptions({ stateDirectory: '/var/lib/x', dataDirectory: '/var/lib/y', postgresql });
const taken = (parameters: Readonly<Record<string, string>>): Promise<void> => {
  const settings = someSettings();
  const changed = { ...settings, postgresql: { ...settings.postgresql, parameters } };
  return refuseUnusableHere(options, changed, process.getuid?.() ?? 0, AbortSignal.timeout(60_000));
};

test('settings whose parameters PostgreSQL does not take never take the place of those that work', async () => {
  await taken({ work_mem: '8MB' });
  await expect(taken({ work_memm: '8MB', random_page_cost: 'low' })).rejects.toThrow(/"work_memm".*"random_page_cost"/s);
});
