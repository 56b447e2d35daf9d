import { chown, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { builtInRoles, ownDatabase } from '#lib/postgres/instance.ts';
import type { PostgresAccount } from '#lib/postgres/instance.ts';
import type { HallServerSettings } from '#hall/contract.ts';
import type { HallServerPlan, MemberSettings } from './contract.ts';

/** Writes the hall server's settings and certificates into a folder that only its account reads. Returns the settings file. */
export async function writeHallFiles(
  directory: string,
  plan: HallServerPlan,
  settings: MemberSettings,
  place: { readonly socketDirectory: string; readonly account: PostgresAccount | undefined },
): Promise<string> {
  const { account, socketDirectory } = place;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (account !== undefined) await chown(directory, account.uid, account.gid);
  const put = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(`${path}.part`, text, { mode: 0o600 });
    if (account !== undefined) await chown(`${path}.part`, account.uid, account.gid);
    await rename(`${path}.part`, path);
    return path;
  };
  const file: HallServerSettings = {
    hall: plan.hall,
    trustDomain: settings.trustDomain,
    pair: { uid: settings.pair.uid },
    member: settings.self.name,
    listen: { address: settings.self.address, port: plan.port },
    tls: {
      certificateFile: await put('tls.crt', settings.tls.certificate),
      keyFile: await put('tls.key', settings.tls.key.reveal()),
      hallCaFile: await put('hall-ca.crt', plan.hallAuthority),
      pairCaFile: await put('pair-ca.crt', settings.tls.authority),
    },
    postgresql: { socketDirectory, port: settings.postgresql.port, database: ownDatabase, user: builtInRoles.hall },
    ...(plan.metricsPort === 0 ? {} : { metrics: { address: settings.self.address, port: plan.metricsPort } }),
  };
  return await put('hall.json', JSON.stringify(file));
}
