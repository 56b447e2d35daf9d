import { startPairStand } from './pair-stand.ts';
import type { PairStand, StandOptions } from './pair-stand.ts';
import { acknowledgedAgain, inStep } from './watch-pair.ts';
import { Writer } from './writer.ts';

/** A stand whose members are in step and serve a client. */
export interface ServedPair extends AsyncDisposable {
  readonly stand: PairStand;
  /** Goes through the public name all the time. */
  readonly writer: Writer;
}

export async function startServedPair(options: StandOptions = {}): Promise<ServedPair> {
  const stack = new AsyncDisposableStack();
  try {
    const stand = stack.use(await startPairStand(options));
    await Promise.all([stand.members.a.startAgent(), stand.members.b.startAgent()]);
    await inStep(stand);
    const writer = new Writer(() => stand.bind.addressesOf('pair'), { port: stand.postgresPort, client: stand.client });
    stack.defer(() => writer.stop());
    writer.start();
    await acknowledgedAgain(writer);
    const owned = stack.move();
    return { stand, writer, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
