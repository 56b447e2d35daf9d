import { readFile } from 'node:fs/promises';
import { defineErrors } from '#lib/base/errors.ts';
import { builtInRoles } from '#lib/postgres/instance.ts';
import type { LocalUser, PostgresAccount } from '#lib/postgres/instance.ts';

export const accountErrors = defineErrors({
  HK_MEMBER_ACCOUNT: { retry: 'never', says: 'PostgreSQL has no account to run as' },
});

export interface MemberAccount {
  /** Undefined: as the agent itself. */
  readonly account: PostgresAccount | undefined;
  /** Who enters PostgreSQL by its Unix socket as which role. */
  readonly localUsers: readonly LocalUser[];
}

/**
 * Under which user PostgreSQL and the hall server run. An agent that is root drops to `user` for both; any other agent uses itself.
 *
 * @param uid  Of this process.
 * @throws HK_MEMBER_ACCOUNT
 */
export async function memberAccount(user: string, uid: number): Promise<MemberAccount> {
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const own = entries.find((entry) => entry[2] === String(uid))?.[0];
  if (own === undefined) throw accountErrors.HK_MEMBER_ACCOUNT(`user id ${uid} of this process is not in /etc/passwd`);
  if (uid !== 0) return { account: undefined, localUsers: enter(own, own) };
  const found = entries.find((entry) => entry[0] === user);
  if (found === undefined) throw accountErrors.HK_MEMBER_ACCOUNT(`there is no user ${user}: make one, or name another as postgresql.user`);
  return { account: { uid: Number(found[2]), gid: Number(found[3]) }, localUsers: enter(own, user) };
}

const enter = (agent: string, hall: string): readonly LocalUser[] => [
  { osUser: agent, role: builtInRoles.agent },
  { osUser: hall, role: builtInRoles.hall },
];
