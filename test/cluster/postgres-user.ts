import { readFileSync } from 'node:fs';

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user that PostgreSQL may run as, since it refuses root: ourselves, or for root the user postgres, else nobody. */
export function postgresUser(): SystemUser {
  const users = parsePasswd(readFileSync('/etc/passwd', 'utf8'));
  const own = process.getuid?.() ?? 0;
  if (own !== 0) return users.find(({ uid }) => uid === own) ?? { name: String(own), uid: own, gid: process.getgid?.() ?? own };
  const found = users.find(({ name }) => name === 'postgres') ?? users.find(({ name }) => name === 'nobody');
  if (found === undefined) throw new Error('this machine has neither a user postgres nor nobody to run PostgreSQL as');
  return found;
}

function parsePasswd(text: string): readonly SystemUser[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name === undefined || uid === undefined || gid === undefined ? [] : [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}
