import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

const askMaxMs = 5_000;

/** Whether `/readyz` answers 200. False also while the certificate is not yet written. */
export async function apiserverIsReady(server: {
  readonly url: string;
  readonly caFile: string;
  readonly token: string;
}): Promise<boolean> {
  const ca = await readFile(server.caFile, 'utf8').catch(() => undefined);
  if (ca === undefined) return false;
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${server.token}` };
    const asked = request(`${server.url}/readyz`, { ca, headers, agent: false, timeout: askMaxMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
