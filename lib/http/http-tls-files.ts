import { readFile } from 'node:fs/promises';
import { Secret } from '#lib/base/secret.ts';
import type { HttpTls } from '#lib/http/http-server.ts';
import type { HttpTlsFiles } from '#lib/http/http-settings.ts';

/** Reads the files that the settings name. @throws when one cannot be read. */
export async function readHttpTls({ certificateFile, keyFile, clientCaFile }: HttpTlsFiles): Promise<HttpTls> {
  const certificate = await readFile(certificateFile, 'utf8');
  const key = new Secret(await readFile(keyFile, 'utf8'));
  return clientCaFile === undefined ? { certificate, key } : { certificate, key, clientCa: await readFile(clientCaFile, 'utf8') };
}
