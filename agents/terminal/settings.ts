import { dnsLabel } from '#lib/base/dns-label.ts';
import { readFields } from '#lib/base/fields.ts';
import { readEndpointSources } from '#lib/link/endpoint-settings.ts';
import type { EndpointSources } from '#lib/link/find-endpoints.ts';
import { readTrustDomain } from '#lib/pki/trust-domain.ts';

/** Settings of one terminal agent, checked and complete. */
export interface TerminalSettings {
  readonly hall: string;
  readonly terminal: string;
  readonly trustDomain: string;
  readonly pair: { readonly uid: string };
  /** Where the members are called. */
  readonly endpoint: EndpointSources;
  readonly tls: { readonly certificateFile: string; readonly keyFile: string; readonly pairCaFile: string };
  /** Folder for what must outlive a restart: the highest epoch seen of each pair. */
  readonly stateDirectory: string;
}

/**
 * Reads the content of `terminal.yaml`.
 *
 * @throws HK_OPTIONS_INVALID  naming every problem.
 */
export function parseTerminalSettings(raw: unknown): TerminalSettings {
  const field = readFields(raw);
  const pair = field.group('pair');
  const tls = field.group('tls');
  const settings: TerminalSettings = {
    hall: field.text('hall', dnsLabel),
    terminal: field.text('terminal', dnsLabel),
    trustDomain: readTrustDomain(field),
    pair: { uid: pair.text('uid', { ...dnsLabel, shape: 'the UID of the FailoverPair' }) },
    endpoint: readEndpointSources(field.group('endpoint')),
    tls: { certificateFile: tls.text('certificateFile'), keyFile: tls.text('keyFile'), pairCaFile: tls.text('pairCaFile') },
    stateDirectory: field.text('stateDirectory', { pattern: /^\//, shape: 'an absolute path' }),
  };
  field.refuseProblems();
  return Object.freeze(settings);
}
