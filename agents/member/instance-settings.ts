import { join } from 'node:path';
import { within } from '#lib/base/deadline.ts';
import { optionErrors } from '#lib/base/fields.ts';
import type { Logger } from '#lib/base/log.ts';
import { tlsProblem } from '#lib/etcd/connections.ts';
import { defaultLimits, limitProblems } from '#lib/pair/limits.ts';
import type { Binaries } from '#lib/postgres/binaries.ts';
import { findBinaries, majorOfData } from '#lib/postgres/binaries.ts';
import { settingsProblems } from '#lib/postgres/check-settings.ts';
import type { InstanceSettings } from '#lib/postgres/instance.ts';
import { parameterProblems } from '#lib/postgres/parameters.ts';
import { tryParameters } from '#lib/postgres/try-parameters.ts';
import { memberAccount } from './account.ts';
import type { MemberAccount } from './account.ts';
import type { MemberSettings } from './contract.ts';
import type { MemberOptions } from './member-options.ts';

const parametersMaxMs = 10_000;

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
 * Settings that an earlier version of the agent had taken, without the parameters that this one refuses: bringing an agent up to date must
 * not end it. The operator is told when it next brings settings.
 */
export function withoutRefused(settings: MemberSettings, log: Logger): MemberSettings {
  const { parameters } = settings.postgresql;
  const problems: string[] = [];
  const kept = Object.entries(parameters).filter(([name, value]) => {
    const found = parameterProblems({ [name]: value });
    problems.push(...found);
    return found.length === 0;
  });
  if (problems.length === 0) return settings;
  log.error({ problems: problems.join('; ') }, 'parameters of the pair are left out: remove them from its spec');
  return { ...settings, postgresql: { ...settings.postgresql, parameters: Object.fromEntries(kept) } };
}

/** The programs on this machine for the data that is here. @throws HK_POSTGRES_BINARIES */
export async function binariesFor({ dataDirectory, postgresql }: MemberOptions, signal: AbortSignal): Promise<Binaries> {
  return await findBinaries(postgresql.binDirectory, await majorOfData(dataDirectory), signal);
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

/**
 * As `refuseUnusable`, and asks the PostgreSQL of this machine whether it takes the parameters: a misspelt one would be found at the next
 * change of role, when nobody has time for it.
 *
 * @throws HK_OPTIONS_INVALID, HK_POSTGRES_BINARIES, HK_POSTGRES_PROGRAM, HK_MEMBER_ACCOUNT
 */
export async function refuseUnusableHere(
  options: MemberOptions,
  settings: MemberSettings,
  uid: number,
  signal: AbortSignal,
): Promise<void> {
  refuseUnusable(options, settings);
  const { parameters } = settings.postgresql;
  const { directory: binaryDirectory } = await binariesFor(options, signal);
  const { account } = await memberAccount(options.postgresql.user, uid);
  const { faults } = await tryParameters(
    { binaryDirectory, account, parameters },
    within(parametersMaxMs, 'trying the parameters', signal),
  );
  if (faults.length > 0) throw optionErrors.HK_OPTIONS_INVALID(`PostgreSQL refuses parameters of the pair: ${faults.join('; ')}`);
}

function arbiterProblems({ arbiter }: MemberSettings): readonly string[] {
  const problem = arbiter.kind === 'etcd' ? tlsProblem(arbiter.tls) : undefined;
  return problem === undefined ? [] : [problem];
}
