import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const setUpFile = join(import.meta.dirname, '..', '..', '..', 'scripts', 'setup');

/**
 * Finds or installs Patroni; what is done is told on standard error.
 *
 * @throws Error when it is neither there nor can be installed here
 */
export async function setUpRivals(): Promise<void> {
  const child = spawn('sh', [setUpFile, '--rivals'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error('the rival could not be installed; what the set-up said stands above');
}
