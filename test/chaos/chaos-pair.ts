import { startBranch } from '../cluster/branch.ts';
import type { Branch } from '../cluster/branch.ts';
import { eventually } from '../cluster/eventually.ts';
import { startBridgedNetwork } from '../cluster/network.ts';
import { startPairStand } from '../pair/pair-stand.ts';
import type { PairStand, StandOptions } from '../pair/pair-stand.ts';
import type { StandMember } from '../pair/stand-member.ts';
import { inStep, waits } from '../pair/watch-pair.ts';
import type { Name } from '../pair/watch-pair.ts';
import { Writer } from '../pair/writer.ts';
import { mountDisk } from './disk.ts';
import type { Disk } from './disk.ts';
import { firstIds } from './first-ids.ts';
import { LocalObserver } from './local-observer.ts';
import { watchName } from './name-watch.ts';
import type { NameWatch } from './name-watch.ts';
import { attemptMs, observeEveryMs, observerOf } from './observer.ts';

/** One machine of the pair: a namespace, a disk, an agent and its PostgreSQL. */
export interface Machine {
  readonly name: Name;
  readonly member: StandMember;
  readonly branch: Branch;
  readonly disk: Disk;
}

/** A real pair on two machines of its own, with everything that watches it. */
export interface ChaosPair extends AsyncDisposable {
  readonly arbiter: Arbiter;
  readonly stand: PairStand;
  readonly machines: Readonly<Record<Name, Machine>>;
  /** Goes through the public name, as a client does, and is cut off with the network. */
  readonly writer: Writer;
  /** Write to one member each, whoever leads, by a way that no cut touches. */
  readonly observers: Readonly<Record<Name, Writer>>;
  /** Sit on one machine each, behind the door that keeps clients out. Not started: a rival that is measured beside us has none. */
  readonly localObservers: Readonly<Record<Name, LocalObserver>>;
  readonly nameWatch: NameWatch;
}

export type Arbiter = NonNullable<StandOptions['arbiter']>;

const host = { a: 11, b: 12 } as const;

/** @throws Error where the machine allows no network namespaces or no loop devices; the message says what is missing. */
export async function startChaosPair(arbiter: Arbiter = 'kubernetes'): Promise<ChaosPair> {
  const stack = new AsyncDisposableStack();
  try {
    const network = stack.use(await startBridgedNetwork());
    const branches = { a: stack.use(await startBranch(network, host.a)), b: stack.use(await startBranch(network, host.b)) };
    const disks = {} as Record<Name, Disk>;
    const mount = async (name: Name, folder: string): Promise<Disk> => (disks[name] = await mountDisk(folder));
    const stand = stack.use(await startPairStand({ arbiter, apart: { network, branches }, mount, faultyDns: true }));
    const { members, bind } = stand;
    const machine = (name: Name): Machine => ({ name, member: members[name], branch: branches[name], disk: disks[name] });
    await Promise.all([disks.a.flush(), disks.b.flush()]);
    await Promise.all([members.a.startAgent(), members.b.startAgent()]);
    await inStep(stand);
    const connection = { port: stand.postgresPort, client: stand.client };
    const writer = new Writer(() => bind.addressesOf('pair'), connection, { everyMs: observeEveryMs, attemptMs });
    const watched = { ...connection, localAddress: network.observerAddress };
    const observers = {
      a: observerOf('a', members.a.address, watched),
      b: observerOf('b', members.b.address, watched),
    };
    for (const each of [writer, observers.a, observers.b]) {
      stack.defer(() => each.stop());
      each.start();
    }
    const port = stand.postgresPort;
    const localObservers = {
      a: new LocalObserver(members.a, { port, firstId: firstIds.localA }),
      b: new LocalObserver(members.b, { port, firstId: firstIds.localB }),
    };
    for (const each of Object.values(localObservers)) stack.defer(() => each.stop());
    const nameWatch = stack.use(watchName(() => bind.addressesOf('pair')));
    await eventually('clients are served', () => writer.acknowledged.length > 5, waits);
    const owned = stack.move();
    return {
      arbiter,
      stand,
      machines: { a: machine('a'), b: machine('b') },
      writer,
      observers,
      localObservers,
      nameWatch,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
