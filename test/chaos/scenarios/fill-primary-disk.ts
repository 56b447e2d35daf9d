import { floodLog } from '../../pair/writer.ts';
import type { Scenario } from '../scenario.ts';

const floodMegabytes = 400;

export const fillPrimaryDisk: Scenario = {
  name: 'fill-primary-disk',
  group: 'storage',
  about: "The disk of the primary's log is full: its PostgreSQL ends, the standby takes over, and room brings it back.",
  changes: 1,
  act: async (stage) => {
    const { primary, stand } = stage;
    stage.undo(() => primary.disk.free());
    await primary.disk.fill();
    await floodLog(primary.member.address, { port: stand.postgresPort, client: stand.client }, floodMegabytes);
    await stage.takenOver();
    await stage.acknowledged();
    await stage.until('the status tells of the full disk', async () => (await stage.status(primary)).diskFreePercent === 0);
    await stage.logged(primary, /the disk of the data is almost full/);
  },
};
