import type { FailoverPair, FailoverPairSpecManifest } from '#lib/api/failoverpair.gen.ts';
import type { Hall, HallSpec } from '#lib/api/hall.gen.ts';
import type { Terminal, TerminalSpec } from '#lib/api/terminal.gen.ts';
import { aHall, aPair, aTerminal } from '#test/api/builders.ts';
import type { Wanted } from '#test/api/builders.ts';

/** Objects as the API server gives them: with what it adds to a manifest. */
const stored = { namespace: 'hall-7', resourceVersion: '1', generation: 2, creationTimestamp: '2026-03-01T00:00:00Z' };

export const heartbeat = {
  interval: '1s',
  offlineAfter: '5s',
  hungAfter: '10s',
  grace: '5s',
  startTimeout: '2m',
  commErrorPercent: 20,
  commErrorMinCalls: 20,
} as const;

export function storedHall({ spec, ...metadata }: Wanted<HallSpec> & { readonly status?: never } = {}, status?: Hall['status']): Hall {
  const manifest = aHall({ ...metadata, spec: { heartbeat, enrolment: { mode: 'Manual' }, ...spec } });
  const hall = { ...manifest, metadata: { ...stored, uid: `uid-${manifest.metadata.name}`, ...manifest.metadata } } as Hall;
  return status === undefined ? hall : { ...hall, status };
}

export function storedTerminal(wanted: Wanted<TerminalSpec> = {}, status?: Terminal['status']): Terminal {
  const manifest = aTerminal(wanted);
  const terminal = { ...manifest, metadata: { ...stored, uid: `uid-${manifest.metadata.name}`, ...manifest.metadata } } as Terminal;
  return status === undefined ? terminal : { ...terminal, status };
}

export function storedPair(wanted: Wanted<FailoverPairSpecManifest> = {}, status?: FailoverPair['status']): FailoverPair {
  const manifest = aPair({ ...wanted, spec: { hallServer: { port: 7_443, adminPort: 7_444 }, ...wanted.spec } });
  const pair = { ...manifest, metadata: { ...stored, uid: `uid-${manifest.metadata.name}`, ...manifest.metadata } } as FailoverPair;
  return status === undefined ? pair : { ...pair, status };
}
