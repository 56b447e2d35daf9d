import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseMemberSettings, settingsKey } from '#agents/member/contract.ts';
import type { MemberSettings } from '#agents/member/contract.ts';
import { startHall } from '#test/hall/hall-process.ts';
import type { HallProcess } from '#test/hall/hall-process.ts';
import type { PlainPostgres } from '#test/hall/plain-postgres.ts';
import type { KubeSecret } from '../resources.ts';
import { decodeData } from '../secret-data.ts';

/** What the operator has told a member. */
export function settingsOf(secret: KubeSecret): MemberSettings {
  return parseMemberSettings(JSON.parse(decodeData(secret)[settingsKey] ?? 'null'));
}

/** A real hall server beside a real PostgreSQL, started with what the operator has told a member, as its agent does. */
export async function startServedHall(folder: string, settings: MemberSettings, postgres: PlainPostgres): Promise<HallProcess> {
  const { hallServer, tls, self, trustDomain, pair } = settings;
  if (hallServer === undefined) throw new Error(`the settings of ${self.name} name no hall`);
  const own = join(folder, self.name);
  await mkdir(own, { recursive: true, mode: 0o700 });
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(own, name), content, { mode: 0o600 });
    return join(own, name);
  };
  return startHall(folder, {
    hall: hallServer.hall,
    trustDomain,
    pair: { uid: pair.uid },
    member: self.name,
    listen: { address: self.address, port: hallServer.port },
    tls: {
      certificateFile: await file('member.crt', tls.certificate),
      keyFile: await file('member.key', tls.key.reveal()),
      hallCaFile: await file('hall-ca.crt', hallServer.hallAuthority),
      pairCaFile: await file('pair-ca.crt', tls.authority),
    },
    postgresql: postgres.ledger,
    metrics: { address: '127.0.0.1', port: 0 },
  });
}
