import { atStandby, fillDisk, hang, hangDisk, killMember, shake, trouble } from './strike.ts';
import type { Strike, Strikes } from './strike.ts';

/** What happens to a PostgreSQL, its disk and its clients. */
export const serverStrikes: Strikes<
  | 'postgresDies'
  | 'postgresHangs'
  | 'diskFull'
  | 'diskHangs'
  | 'crowded'
  | 'reload'
  | 'checkpoint'
  | 'replayBlocked'
  | 'logDamaged'
  | 'slowPromotion'
  | 'slowStandby'
  | 'waitsAbandoned'
  | 'promotedByHand'
  | 'standbyDies'
  | 'standbyHangs'
  | 'standbyDiskHangs'
> = {
  postgresDies: ({ member }) => {
    if (member.postgres.process === 'running') member.postgresDied();
  },
  postgresHangs: (struck) => hang(struck, false),
  diskFull: fillDisk,
  diskHangs: hangDisk,
  crowded: (struck) => trouble(struck, 'crowded'),
  reload: ({ member }) => member.postgres.reload(),
  checkpoint: (struck) => {
    trouble(struck, 'checkpoints');
    if (struck.fault.coin < 50) shake(struck);
  },
  replayBlocked: (struck) => trouble(struck, 'replayBlocked'),
  logDamaged: damageLog,
  slowPromotion: (struck) => trouble(struck, 'promotesSlowly'),
  slowStandby: (struck) => trouble(atStandby(struck), 'receivesSlowly'),
  waitsAbandoned: abandonWaits,
  promotedByHand: ({ member: { postgres } }) => {
    if (postgres.alive && postgres.role === 'standby') postgres.promote();
  },
  standbyDies: (struck) => {
    const { member } = atStandby(struck);
    killMember(member);
    struck.later(() => member.startAgent());
  },
  standbyHangs: (struck) => hang(atStandby(struck), struck.fault.coin < 50),
  standbyDiskHangs: (struck) => hangDisk(atStandby(struck)),
};

/** So long after the leader's death a reader holds up replay still. */
const readerGoneMs = 300;

/**
 * A reader holds up the standby's replay, and what it received last cannot be read back. Then the leader dies, which has just told of
 * commits behind the damage.
 */
function damageLog(struck: Strike): void {
  const { world, fault, later, member } = atStandby(struck);
  const { postgres } = member;
  postgres.trouble.replayBlocked = true;
  world.schedule.after(fault.lastsMs / 2, () => {
    const { replayed, role } = postgres;
    const heard = member.state?.peerView.committed?.lsn ?? 0n;
    const strikes = role === 'standby' && heard > BigInt(replayed) && !world.expectations.calm && !world.healed;
    if (strikes) {
      postgres.damagedAt = replayed;
      killMember(member.peer);
      later(() => member.peer.startAgent());
    }
    world.schedule.after(strikes ? readerGoneMs : 0, () => (postgres.trouble.replayBlocked = false));
  });
}

/**
 * The standby is slow and clients give up their waits, so that rows are seen that are on one disk only; their writers ask again with the
 * same keys. Every second time the primary dies soon after.
 */
function abandonWaits(struck: Strike): void {
  const { world, fault, later } = struck;
  const member = struck.world.member(world.truth.primary ?? fault.member);
  trouble(atStandby(struck), 'receivesSlowly');
  const losses = [world.network.lose('stream', member.name)];
  world.schedule.after(fault.lastsMs / 10, () => member.postgres.abandon());
  world.schedule.after(fault.lastsMs / 8, () => {
    world.network.mend(losses);
    if (fault.coin < 50 || world.expectations.calm || world.healed) return;
    killMember(member);
    later(() => member.startAgent());
  });
}
