import { startChild } from '../../cluster/child.ts';
import { temporaryFolder } from '../../cluster/temporary.ts';
import type { Scenario } from '../scenario.ts';

const loops = 20;
const observedMs = 4_000;

export const busyProcessors: Scenario = {
  name: 'busy-processors',
  group: 'process',
  about: `${loops} busy loops take the processors: slow is not lost, and whoever was kept from running discounts it.`,
  changes: 0,
  act: async (stage) => {
    await using folder = await temporaryFolder('busy');
    const spin = (index: number): ReturnType<typeof startChild> =>
      startChild({ name: `busy-${index}`, command: process.execPath, args: ['-e', 'for (;;);'], directory: folder.path });
    const children = await Promise.all(Array.from({ length: loops }, (_, index) => spin(index)));
    const stop = async (): Promise<unknown> => await Promise.all(children.map((child) => child.kill()));
    stage.undo(stop);
    await stage.keepsLeader(observedMs);
    await stage.acknowledged();
    await stop();
  },
};
