import { getPriority, setPriority } from 'node:os';
import { startChild } from '../../cluster/child.ts';
import type { Child } from '../../cluster/child.ts';
import { temporaryFolder } from '../../cluster/temporary.ts';
import type { Scenario } from '../scenario.ts';

const loops = 20;
const observedMs = 4_000;
/** As the agents and their PostgreSQL have it: who watches them must not be kept from running where they are not. */
const watcherPriority = -10;

/** A busy loop of an ordinary program. */
async function spin(name: string, directory: string, priority: number): Promise<Child> {
  const child = await startChild({ name, command: process.execPath, args: ['-e', 'for (;;);'], directory });
  setPriority(child.pid, priority);
  return child;
}

export const busyProcessors: Scenario = {
  name: 'busy-processors',
  group: 'process',
  about: `${loops} busy loops take the processors: slow is not lost, and whoever was kept from running discounts it.`,
  changes: 0,
  act: async (stage) => {
    await using folder = await temporaryFolder('busy');
    const before = getPriority();
    const children: Child[] = [];
    const stop = async (): Promise<void> => {
      setPriority(before);
      await Promise.all(children.splice(0).map((child) => child.kill()));
    };
    stage.undo(stop);
    setPriority(watcherPriority);
    for (let index = 0; index < loops; index += 1) children.push(await spin(`busy-${index}`, folder.path, before));
    await stage.keepsLeader(observedMs);
    await stage.acknowledged();
    await stop();
  },
};
