import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configurationFile, templateFile } from '../configuration.ts';
import type { NotifyOutcome } from '../configuration.ts';

/** Writes a made configuration as the Secret's volume shows it to Alertmanager. Returns the path of the configuration. */
export async function writeAlertmanagerFiles(directory: string, { configuration, templates }: NotifyOutcome): Promise<string> {
  const path = join(directory, configurationFile);
  await writeFile(path, configuration.reveal(), { mode: 0o600 });
  await writeFile(join(directory, templateFile), templates);
  return path;
}
