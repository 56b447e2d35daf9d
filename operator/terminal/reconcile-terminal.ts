import type { Terminal, TerminalStatus } from '#lib/api/terminal.gen.ts';
import { statusDiffers } from '#lib/kube/conditions.ts';
import type { Reconcile } from '#lib/kube/controller.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import { servedHallOf } from '../hall/claim.ts';
import type { FleetLinks } from '../hall/fleet-links.ts';
import { terminals } from '../resources.ts';
import { keepCertificate, terminalFieldManager, terminalSecretName } from './act-certificate.ts';
import type { CertificateOutcome } from './act-certificate.ts';
import { decideStatus } from './decide-status.ts';
import type { TerminalStatusParts } from './decide-status.ts';
import type { StatusPace } from './status-pace.ts';
import type { TerminalView } from './terminal-view.ts';

export interface TerminalPorts extends OperatorPorts {
  readonly links: FleetLinks;
  readonly pace: StatusPace;
}

/** Certificates are looked at this often; a look without a change costs no request. */
const againMs = 3_600_000;
const againJitterMs = 600_000;

/** Enrols a terminal, and tells in its status what is so. */
export function reconcileTerminal(ports: TerminalPorts): Reconcile {
  return async (key, { signal }) => {
    const { caches, clock, links, pace, random } = ports;
    const terminal = caches.terminals.get(key);
    if (terminal === undefined) {
      pace.forgetTerminal(key);
      return undefined;
    }
    if (terminal.metadata.deletionTimestamp !== undefined) return undefined;
    const hallKey = { namespace: terminal.metadata.namespace, name: terminal.spec.hallRef.name };
    const hall = caches.halls.get(hallKey);
    const { leaf, secretProblem } = await enrol(terminal, hallKey, ports, signal);
    const nowWallMs = clock.wallMs();
    const picture = links.get(hallKey)?.picture;
    const view: TerminalView = {
      terminal,
      hall,
      certificate: leaf === undefined ? undefined : { secret: terminalSecretName(key.name), notAfterMs: leaf.notAfterMs },
      secretProblem,
      sight: picture?.connected === true ? picture.terminals.get(key.name) : undefined,
      nowWallMs,
    };
    const waitMs = await writeStatus(terminal, decideStatus(view), hallKey, ports, signal);
    const dueInMs = leaf === undefined ? Infinity : leaf.dueAtMs - nowWallMs;
    return { requeueAfterMs: Math.max(1, Math.min(waitMs ?? Infinity, dueInMs, againMs + random.below(againJitterMs))) };
  };
}

/** Only of a hall that has its name and its pair. */
async function enrol(terminal: Terminal, hallKey: ObjectKey, ports: TerminalPorts, signal: AbortSignal): Promise<CertificateOutcome> {
  const { caches } = ports;
  const hall = caches.halls.get(hallKey);
  const pair = hall === undefined ? undefined : caches.pairs.get({ ...hallKey, name: hall.spec.failoverPairRef.name });
  if (hall === undefined || pair === undefined || servedHallOf(pair, caches)?.metadata.uid !== hall.metadata.uid) {
    return { leaf: undefined, secretProblem: undefined };
  }
  return keepCertificate(terminal, hall, pair, ports, signal);
}

/**
 * Writes the status when it differs. What follows from the spec is written at once; a state of its own accord waits for its turn, and
 * what passes meanwhile is never written.
 *
 * @returns in how many milliseconds it is the turn of what had to wait.
 */
async function writeStatus(
  terminal: Terminal,
  { settled, seen }: TerminalStatusParts,
  hallKey: ObjectKey,
  { client, pace }: TerminalPorts,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { namespace, name, uid } = terminal.metadata;
  const { state, since, agentVersion, channel, ...before } = terminal.status ?? {};
  const isSettled = !statusDiffers(before, settled);
  const isSeen = !statusDiffers({ state, since, agentVersion, channel }, seen);
  if (isSeen) pace.calm({ namespace, name });
  if (isSettled && isSeen) return undefined;
  const waitMs = isSeen ? 0 : pace.take({ namespace, name }, hallKey, JSON.stringify(seen), state === undefined);
  if (waitMs > 0 && isSettled) return waitMs;
  const shown: TerminalStatus = waitMs > 0 ? { ...settled, ...given({ state, since, agentVersion, channel }) } : { ...settled, ...seen };
  const options = { fieldManager: `${terminalFieldManager}-status`, force: true, subresource: 'status' } as const;
  await client.apply(
    terminals,
    { metadata: { namespace, name, uid }, status: shown } as Parameters<typeof client.apply>[1],
    options,
    signal,
  );
  return waitMs > 0 ? waitMs : undefined;
}

function given(seen: {
  readonly [K in keyof TerminalStatusParts['seen']]?: TerminalStatusParts['seen'][K] | undefined;
}): TerminalStatusParts['seen'] {
  return Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== undefined));
}
