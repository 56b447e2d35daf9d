import { fillDisk, hang, hangDisk, killMember, powerOff } from './strike.ts';
import type { Strike, Strikes } from './strike.ts';

const atLeader =
  (how: (struck: Strike) => void) =>
  (struck: Strike): void => {
    const { truth } = struck.world;
    if (truth.primary === undefined || truth.mode === 'claim') return;
    const member = struck.world.member(truth.primary);
    if (!member.postgres.alive || member.postgres.role !== 'primary') return;
    struck.world.expectations.leaderFails(member);
    how({ ...struck, member });
  };

/** Ways in which whoever leads at the moment fails. */
export const leaderStrikes: Strikes<
  | 'leaderDies'
  | 'leaderServerDies'
  | 'leaderHangs'
  | 'leaderServerHangs'
  | 'leaderPowerLost'
  | 'leaderCut'
  | 'leaderDiskHangs'
  | 'leaderDiskFull'
> = {
  leaderDies: atLeader(({ member, later }) => {
    killMember(member);
    later(() => member.startAgent());
  }),
  leaderServerDies: atLeader(({ member }) => member.postgresDied()),
  leaderHangs: atLeader((struck) => hang(struck, true)),
  leaderServerHangs: atLeader((struck) => hang(struck, false)),
  leaderPowerLost: atLeader(powerOff),
  leaderCut: atLeader(({ world, member, later }) => {
    const losses = world.network.cut();
    world.cutArbiter.add(member.name);
    later(() => {
      world.network.mend(losses);
      world.cutArbiter.delete(member.name);
    });
  }),
  leaderDiskHangs: atLeader(hangDisk),
  leaderDiskFull: atLeader(fillDisk),
};
