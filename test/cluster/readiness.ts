import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

const askMaxMs = 5_000;

export interface AskedServer {
  readonly url: string;
  readonly caFile: string;
  readonly token: string;
}

/** Whether `/readyz` answers 200. False also while the certificate is not yet written. */
export function apiserverIsReady(server: AskedServer): Promise<boolean> {
  return isThere(server, '/readyz');
}

/** Whether the controllers act: they put the authority of the cluster into every namespace. */
export function controllersAct(server: AskedServer): Promise<boolean> {
  return isThere(server, '/api/v1/namespaces/default/configmaps/kube-root-ca.crt');
}

async function isThere(server: AskedServer, path: string): Promise<boolean> {
  const ca = await readFile(server.caFile, 'utf8').catch(() => undefined);
  if (ca === undefined) return false;
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${server.token}` };
    const asked = request(`${server.url}${path}`, { ca, headers, agent: false, timeout: askMaxMs }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
