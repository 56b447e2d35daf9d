import { readFields } from '#lib/base/fields.ts';
import type { EndpointSources } from '#lib/link/find-endpoints.ts';
import { parseEndpointSources } from '../settings.ts';

/** Settings of the load program: many terminals of one hall in one process. */
export interface LoadSettings {
  readonly hall: string;
  readonly trustDomain: string;
  readonly pair: { readonly uid: string };
  readonly endpoint: EndpointSources;
  readonly pairCaFile: string;
  /** Holds `<terminal>.crt` and `<terminal>.key` for each. */
  readonly certificateDirectory: string;
  readonly terminals: readonly string[];
}

const terminalsMax = 5_000;
const namePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** @throws HK_OPTIONS_INVALID  naming every problem. */
export function parseLoadSettings(raw: unknown): LoadSettings {
  const field = readFields(raw);
  const pair = field.group('pair');
  const settings: LoadSettings = {
    hall: field.text('hall', { pattern: namePattern, shape: 'a name in lower case' }),
    trustDomain: field.text('trustDomain', { fallback: 'hallkeeper.dev' }),
    pair: { uid: pair.text('uid') },
    endpoint: parseEndpointSources(field.group('endpoint')),
    pairCaFile: field.text('pairCaFile'),
    certificateDirectory: field.text('certificateDirectory'),
    terminals: field.texts('terminals', { min: 1, max: terminalsMax, pattern: namePattern, shape: 'a name in lower case' }),
  };
  field.refuseProblems();
  return Object.freeze(settings);
}
