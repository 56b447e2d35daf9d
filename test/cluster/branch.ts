import { bridgeInterface, endHolder, insideInterface, startHolder } from './network.ts';
import type { BridgedNetwork, Network } from './network.ts';
import { systemProgram } from './programs.ts';
import { runTool } from './run-tool.ts';

/** What is dropped on the way into or out of a branch. Nobody is told: packets vanish, as with a pulled cable. */
export interface Cut {
  /** Addresses on the other side; absent: everybody. Observers are never cut off. */
  readonly from?: readonly string[];
  readonly way?: 'both' | 'in' | 'out';
}

/** A network namespace of one machine, joined to a bridged network, with a packet filter of its own. */
export interface Branch extends Network {
  /** The machine's only address. */
  readonly ownAddress: string;
  /** Replaces what is dropped: an empty list heals it. */
  cut(cuts: readonly Cut[]): Promise<void>;
}

/**
 * Joins a machine with address number `n` to the network. It leaves no trace: the namespace goes with its holder and the processes in it.
 */
export async function startBranch(network: BridgedNetwork, n: number): Promise<Branch> {
  const holder = await startHolder();
  if (holder === undefined) throw new Error('this machine refuses to make a network namespace');
  const pid = holder.pid ?? 0;
  const enter = [systemProgram('nsenter'), `--net=/proc/${pid}/ns/net`];
  const run = (command: string, args: readonly string[]): Promise<string> =>
    runTool(enter[0] ?? '', [...enter.slice(1), systemProgram(command), ...args]);
  const ownAddress = `${network.prefix}.${n}`;
  const stop = async (): Promise<void> => await endHolder(holder);
  try {
    const port = `port${n}`;
    await network.run('ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', insideInterface, 'netns', String(pid)]);
    await network.run('ip', ['link', 'set', port, 'master', bridgeInterface, 'addrgenmode', 'none', 'up']);
    await run('ip', ['link', 'set', 'lo', 'up']);
    await run('ip', ['link', 'set', insideInterface, 'addrgenmode', 'none', 'up']);
    await run('ip', ['address', 'add', `${ownAddress}/24`, 'dev', insideInterface]);
    await run('nft', [filterOf([], network.observerAddress)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    isolated: true,
    why: '',
    enter,
    range: network.range,
    hostAddress: network.hostAddress,
    ownAddress,
    address: () => Promise.resolve(ownAddress),
    freePort: () => network.freePort(),
    run,
    cut: async (cuts) => void (await run('nft', [filterOf(cuts, network.observerAddress)])),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The whole filter in one transaction, so that no packet passes between an old and a new one. Loopback is never touched. */
function filterOf(cuts: readonly Cut[], observer: string): string {
  const chain = (hook: 'input' | 'output', side: 'saddr' | 'daddr', dropped: readonly string[]): string =>
    `chain ${hook} { type filter hook ${hook} priority 0; iifname "lo" accept; oifname "lo" accept; ip ${side} ${observer} accept; ` +
    `${dropped.map((rule) => `${rule} drop; `).join('')}}`;
  const drops = (way: 'in' | 'out', side: 'saddr' | 'daddr'): readonly string[] =>
    cuts
      .filter((cut) => (cut.way ?? 'both') === 'both' || cut.way === way)
      .map(({ from }) => (from === undefined ? `ip ${side} 0.0.0.0/0` : `ip ${side} { ${from.join(', ')} }`));
  const chains = `${chain('input', 'saddr', drops('in', 'saddr'))}\n${chain('output', 'daddr', drops('out', 'daddr'))}`;
  return `table inet cuts { }\ndelete table inet cuts\ntable inet cuts {\n${chains}\n}`;
}
