import { readFileSync } from 'node:fs';

interface Manifest {
  readonly version: string;
}

/** Version of the product, which all its programs share: that of package.json beside them. */
export const productVersion: string = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest)
  .version;
