import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFile, readlink } from 'node:fs/promises';
import { eventually } from './eventually.ts';
import { freePort, portSequence } from './ports.ts';
import { systemProgram } from './programs.ts';
import { runTool } from './run-tool.ts';
import { pickSubnet, routeRanges, overlaps } from './subnet.ts';
import type { Subnet } from './subnet.ts';

/**
 * Where the servers of a test or of the demo listen.
 *
 * isolated      A network namespace of our own, joined to the machine by one veth pair. The process that holds it dies with us,
 *               and with the last server in it the namespace and both ends of the pair are gone.
 * not isolated  Without root: everything on 127.0.0.1, told apart by port.
 */
export interface Network extends AsyncDisposable {
  readonly isolated: boolean;
  /** Why it is not isolated, as a sentence for people; empty when it is. */
  readonly why: string;
  /** Put before a command line to run it inside; empty when not isolated. */
  readonly enter: readonly string[];
  /** `10.x.y.0/24`, or `127.0.0.0/8`. */
  readonly range: string;
  /** The address by which servers inside reach this process. */
  readonly hostAddress: string;
  /** Address number `n` (2 to 254) of the network, added inside on first use. Without isolation always 127.0.0.1. */
  address(n: number): Promise<string>;
  /** A port that is free for TCP and UDP on every address of the network. */
  freePort(): Promise<number>;
  /** Runs a tool inside and returns what it printed: `run('ip', ['route', 'add', …])`. */
  run(command: string, args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** A network to which further namespaces can be joined: see branch.ts. */
export interface BridgedNetwork extends Network {
  /** Number of the first three bytes: `10.x.y`. */
  readonly prefix: string;
  /** A second address of this process, for observers that no cut reaches. */
  readonly observerAddress: string;
}

/** Number of the address on which the servers of a run listen, unless they are told another one. */
export const serversAddress = 2;

export const insideInterface = 'hall0';
/** Joins the namespaces of a bridged network, and carries the addresses of its own. */
export const bridgeInterface = 'lan';
const observerNumber = 250;
const readyMaxMs = 20_000;
const subnetAttemptsMax = 20;

/** Opens an isolated network where the machine allows it, else the plain one. */
export async function startNetwork(): Promise<Network> {
  if (process.getuid?.() !== 0) return plainNetwork('only root may make a network namespace');
  const holder = await startHolder();
  if (holder === undefined) return plainNetwork('this machine refuses to make a network namespace');
  try {
    return await isolatedNetwork(holder, insideInterface);
  } catch (error) {
    await endHolder(holder);
    throw error;
  }
}

/**
 * Opens an isolated network whose servers stand on a bridge, so that other namespaces can be joined to it and cut off again.
 *
 * @throws Error where the machine does not allow network namespaces.
 */
export async function startBridgedNetwork(): Promise<BridgedNetwork> {
  if (process.getuid?.() !== 0) throw new Error('only root may make network namespaces: run this as root');
  const holder = await startHolder();
  if (holder === undefined) throw new Error('this machine refuses to make a network namespace');
  try {
    return await isolatedNetwork(holder, bridgeInterface);
  } catch (error) {
    await endHolder(holder);
    throw error;
  }
}

/** A network without isolation: 127.0.0.1 and free ports. */
export function plainNetwork(why = 'asked for'): Network {
  const stop = (): Promise<void> => Promise.resolve();
  return {
    isolated: false,
    why,
    enter: [],
    range: '127.0.0.0/8',
    hostAddress: '127.0.0.1',
    address: () => Promise.resolve('127.0.0.1'),
    freePort: () => freePort(),
    run: (command, args) => runTool(systemProgram(command), args),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function isolatedNetwork(holder: ChildProcess, device: string): Promise<BridgedNetwork> {
  const pid = holder.pid ?? 0;
  const enter = [systemProgram('nsenter'), `--net=/proc/${pid}/ns/net`];
  const run = (command: string, args: readonly string[]): Promise<string> =>
    runTool(enter[0] ?? '', [...enter.slice(1), systemProgram(command), ...args]);
  const outside = `hk${randomBytes(5).toString('hex')}`;
  const subnet = await join(outside, pid, run);
  if (device === bridgeInterface) await bridge(run);
  const added = new Map<number, Promise<string>>();
  const addressOf = (n: number): string => `10.${subnet.x}.${subnet.y}.${n}`;
  const nextPort = portSequence();
  const stop = async (): Promise<void> => {
    // The pair goes at once; the namespace goes when the last process in it has ended.
    await runTool(systemProgram('ip'), ['link', 'delete', outside]).catch(() => undefined);
    await endHolder(holder);
  };
  const observerAddress = addressOf(observerNumber);
  if (device === bridgeInterface) await runTool(systemProgram('ip'), ['address', 'add', `${observerAddress}/24`, 'dev', outside]);
  const address = (n: number): Promise<string> => {
    if (!Number.isInteger(n) || n < 2 || n > 254) throw new RangeError(`an address number is from 2 to 254, found ${n}`);
    const known = added.get(n);
    if (known !== undefined) return known;
    const adding = run('ip', ['address', 'add', `${addressOf(n)}/24`, 'dev', device]).then(() => addressOf(n));
    added.set(n, adding);
    return adding;
  };
  return {
    isolated: true,
    why: '',
    enter,
    range: `10.${subnet.x}.${subnet.y}.0/24`,
    hostAddress: addressOf(1),
    prefix: `10.${subnet.x}.${subnet.y}`,
    observerAddress,
    address,
    freePort: () => Promise.resolve(nextPort()),
    run,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Makes the pair and gives our end an address. Two runs may choose one subnet in the same moment: then both look again. */
async function join(outside: string, pid: number, run: Network['run']): Promise<Subnet> {
  const ip = systemProgram('ip');
  await runTool(ip, ['link', 'add', outside, 'type', 'veth', 'peer', 'name', insideInterface, 'netns', String(pid)]);
  await runTool(ip, ['link', 'set', outside, 'addrgenmode', 'none', 'up']);
  await run('ip', ['link', 'set', 'lo', 'up']);
  await run('ip', ['link', 'set', insideInterface, 'addrgenmode', 'none', 'up']);
  for (let attempt = 0; attempt < subnetAttemptsMax; attempt += 1) {
    const subnet = pickSubnet(await takenRanges(outside), (bound) => randomInt(bound));
    const ours = `10.${subnet.x}.${subnet.y}.1/24`;
    await runTool(ip, ['address', 'add', ours, 'dev', outside]);
    if (!overlaps(subnet, await takenRanges(outside))) return subnet;
    await runTool(ip, ['address', 'delete', ours, 'dev', outside]);
  }
  throw new Error('found no subnet of 10.0.0.0/8 that this machine does not use already');
}

/** Our side of the pair becomes a port of the bridge; addresses inside are the bridge's from then on. */
async function bridge(run: Network['run']): Promise<void> {
  await run('ip', ['link', 'add', bridgeInterface, 'type', 'bridge', 'forward_delay', '0']);
  await run('ip', ['link', 'set', bridgeInterface, 'addrgenmode', 'none', 'up']);
  await run('ip', ['link', 'set', insideInterface, 'master', bridgeInterface]);
}

/** What the routes of the machine cover, our own interface left out, and its name servers, which the default route may hide. */
async function takenRanges(outside: string): Promise<readonly string[]> {
  const json = await runTool(systemProgram('ip'), ['-json', '-4', 'route', 'show', 'table', 'all']);
  const resolver = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const servers = [...resolver.matchAll(/^nameserver\s+([0-9.]+)\s*$/gm)].map((match) => match[1] ?? '');
  return [...routeRanges(json, outside), ...servers];
}

/** A process that does nothing but hold the namespace: cat, which also ends by itself when our end of its input closes. */
export async function startHolder(): Promise<ChildProcess | undefined> {
  const args = ['--pdeathsig', 'KILL', systemProgram('unshare'), '--net', systemProgram('cat')];
  const holder = spawn(systemProgram('setpriv'), args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  holder.once('error', () => undefined);
  const ended = (): boolean => holder.exitCode !== null || holder.signalCode !== null || holder.pid === undefined;
  const own = await readlink('/proc/self/ns/net');
  const state = await eventually(
    'a process holds the new network namespace',
    async () => {
      if (ended()) return 'refused' as const;
      return (await readlink(`/proc/${holder.pid}/ns/net`)) !== own && 'held';
    },
    { maxMs: readyMaxMs, everyMs: 5 },
  );
  return state === 'held' ? holder : undefined;
}

export async function endHolder(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return;
  const gone = once(holder, 'exit');
  holder.kill('SIGKILL');
  await gone;
}
