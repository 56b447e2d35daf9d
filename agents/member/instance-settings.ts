import { join } from 'node:path';
import { optionErrors } from '#lib/base/fields.ts';
import { tlsProblem } from '#lib/etcd/connections.ts';
import { defaultLimits, limitProblems } from '#lib/pair/limits.ts';
import { settingsProblems } from '#lib/postgres/check-settings.ts';
import type { InstanceSettings } from '#lib/postgres/instance.ts';
import type { MemberAccount } from './account.ts';
import type { MemberSettings } from './contract.ts';
import type { MemberOptions } from './member-options.ts';

/** What the operator's settings and this machine's file together say about the PostgreSQL here. */
export function instanceSettingsOf(
  options: MemberOptions,
  settings: MemberSettings,
  { account, localUsers, binaryDirectory }: MemberAccount & { readonly binaryDirectory: string },
): InstanceSettings {
  const { port, databases, parameters, slotKeepMegabytes } = settings.postgresql;
  const { certificate, key, authority } = settings.tls;
  return {
    binaryDirectory,
    stateDirectory: join(options.stateDirectory, 'postgresql'),
    dataDirectory: options.dataDirectory,
    account,
    localUsers,
    self: { ...settings.self, port },
    peer: { ...settings.peer, port },
    tls: { certificate, key, authority },
    databases,
    parameters,
    slotKeepMegabytes,
  };
}

/**
 * Refuses settings with which a member could not run. Asked before new settings take the place of those that work.
 *
 * @throws HK_OPTIONS_INVALID naming every problem at once.
 */
export function refuseUnusable(options: MemberOptions, settings: MemberSettings): void {
  const anywhere = { account: undefined, localUsers: [], binaryDirectory: '/' };
  const problems = [
    ...limitProblems({ ...defaultLimits, ...settings.detection }),
    ...settingsProblems(instanceSettingsOf(options, settings, anywhere)),
    ...arbiterProblems(settings),
  ];
  if (problems.length > 0) throw optionErrors.HK_OPTIONS_INVALID(problems.join('; '));
}

function arbiterProblems({ arbiter }: MemberSettings): readonly string[] {
  const problem = arbiter.kind === 'etcd' ? tlsProblem(arbiter.tls) : undefined;
  return problem === undefined ? [] : [problem];
}
