import type { Terminal, TerminalStatus } from '#lib/api/terminal.gen.ts';
import { messageOf } from '#lib/base/errors.ts';
import { statusDiffers } from '#lib/kube/conditions.ts';
import type { Reconcile, ReconcileRun } from '#lib/kube/controller.ts';
import type { ObjectKey } from '#lib/kube/objects.ts';
import type { OperatorPorts } from '../frame.ts';
import type { FleetLinks } from '../hall/fleet-links.ts';
import { isOthers, nameHolding, pairHolding } from '../hall/holding.ts';
import { isTold, notApplied } from '../not-applied.ts';
import { terminals } from '../resources.ts';
import { WrittenStatus } from '../written-status.ts';
import { keepCertificate, notServed, terminalFieldManager, terminalSecretName, undecided } from './act-certificate.ts';
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
  const written = new WrittenStatus<Terminal>();
  return async (key, { signal, log }) => {
    const { caches, clock, links, pace, random } = ports;
    const seen = caches.terminals.get(key);
    if (seen === undefined) {
      pace.forgetTerminal(key);
      written.forget(key);
      return undefined;
    }
    const terminal = written.of(seen);
    if (terminal.metadata.deletionTimestamp !== undefined) return undefined;
    const hallKey = { namespace: terminal.metadata.namespace, name: terminal.spec.hallRef.name };
    const hall = caches.halls.get(hallKey);
    const { is, leaf, secretProblem } = await enrolOrTell(terminal, hallKey, written, ports, { signal, log });
    const nowWallMs = clock.wallMs();
    const picture = links.get(hallKey)?.picture;
    const view: TerminalView = {
      terminal,
      hall,
      certificate: leaf === undefined ? undefined : { secret: terminalSecretName(key.name), notAfterMs: leaf.notAfterMs },
      undecided: is === 'undecided',
      secretProblem,
      sight: picture?.connected === true ? picture.terminals.get(key.name) : undefined,
      nowWallMs,
    };
    const waitMs = await writeStatus(terminal, decideStatus(view), hallKey, written, ports, signal);
    const dueInMs = leaf === undefined ? Infinity : leaf.dueAtMs - nowWallMs;
    return { requeueAfterMs: Math.max(1, Math.min(waitMs ?? Infinity, dueInMs, againMs + random.below(againJitterMs))) };
  };
}

/** What the API server refuses is told before it ends the look. */
async function enrolOrTell(
  terminal: Terminal,
  hallKey: ObjectKey,
  written: WrittenStatus<Terminal>,
  ports: TerminalPorts,
  { signal, log }: ReconcileRun,
): Promise<CertificateOutcome> {
  try {
    return await enrol(terminal, hallKey, ports, signal);
  } catch (error) {
    if (!isTold(error) || signal.aborted) throw error;
    const conditions = notApplied(terminal.status?.conditions, error, terminal.metadata.generation, ports.clock.wallMs());
    const status = { ...terminal.status, conditions };
    if (statusDiffers(terminal.status, status)) {
      // What cannot be said is left to the log: the error that ended the look matters more.
      await applyStatus(terminal, status, written, ports, signal).catch((failure: unknown) => {
        log.warn({ error: messageOf(failure) }, 'the status could not be written either');
      });
    }
    throw error;
  }
}

/** Only of a hall that has its name and its pair. */
async function enrol(terminal: Terminal, hallKey: ObjectKey, ports: TerminalPorts, signal: AbortSignal): Promise<CertificateOutcome> {
  const { caches } = ports;
  const hall = caches.halls.get(hallKey);
  const pair = hall === undefined ? undefined : caches.pairs.get({ ...hallKey, name: hall.spec.failoverPairRef.name });
  if (hall === undefined || pair === undefined) return notServed;
  const holding = pairHolding(pair, caches);
  if (holding.is === 'undecided' && !isOthers(nameHolding(hall, caches), hall)) return undecided;
  if (holding.is !== 'held' || holding.by.uid !== hall.metadata.uid) return notServed;
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
  written: WrittenStatus<Terminal>,
  ports: TerminalPorts,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { pace } = ports;
  const { namespace, name } = terminal.metadata;
  const { state, since, agentVersion, channel, ...before } = terminal.status ?? {};
  const isSettled = !statusDiffers(before, settled);
  const isSeen = !statusDiffers({ state, since, agentVersion, channel }, seen);
  if (isSeen) pace.calm({ namespace, name });
  if (isSettled && isSeen) return undefined;
  const waitMs = isSeen ? 0 : pace.take({ namespace, name }, hallKey, JSON.stringify(seen), state === undefined);
  if (waitMs > 0 && isSettled) return waitMs;
  const shown: TerminalStatus = waitMs > 0 ? { ...settled, ...given({ state, since, agentVersion, channel }) } : { ...settled, ...seen };
  await applyStatus(terminal, shown, written, ports, signal);
  return waitMs > 0 ? waitMs : undefined;
}

async function applyStatus(
  terminal: Terminal,
  status: TerminalStatus,
  written: WrittenStatus<Terminal>,
  { client }: TerminalPorts,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = terminal.metadata;
  const options = { fieldManager: `${terminalFieldManager}-status`, force: true, subresource: 'status' } as const;
  await client.apply(terminals, { metadata: { namespace, name, uid }, status } as Parameters<typeof client.apply>[1], options, signal);
  written.wrote(terminal, status);
}

function given(seen: {
  readonly [K in keyof TerminalStatusParts['seen']]?: TerminalStatusParts['seen'][K] | undefined;
}): TerminalStatusParts['seen'] {
  return Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== undefined));
}
