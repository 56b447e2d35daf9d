import { floodLog } from '../../pair/writer.ts';
import type { Scenario } from '../scenario.ts';

const floodMegabytes = 200;
const observedMs = 3_000;

export const fillStandbyDisk: Scenario = {
  name: 'fill-standby-disk',
  group: 'storage',
  about: 'The disk of the standby is full: it can receive no more, the primary goes on alone, and room brings it back.',
  changes: 0,
  act: async (stage) => {
    const { primary, standby, stand } = stage;
    stage.undo(() => standby.disk.free());
    await standby.disk.fill();
    const flood = floodLog(primary.member.address, { port: stand.postgresPort, client: stand.client }, floodMegabytes);
    await stage.leadsAlone();
    await flood;
    await stage.acknowledged();
    await stage.blocked(primary, 'StandbyLost');
    await stage.until('the status tells of the full disk', async () => (await stage.status(standby)).diskFreePercent === 0);
    await stage.keepsLeader(observedMs);
  },
};
