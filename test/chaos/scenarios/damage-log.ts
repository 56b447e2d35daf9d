import type { Client } from 'pg';
import { parseLsn } from '#lib/postgres/lsn.ts';
import { spoilRecord } from '#lib/postgres/testing/spoil-log.ts';
import type { SpoiledPlace } from '#lib/postgres/testing/spoil-log.ts';
import type { Machine } from '../chaos-pair.ts';
import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** So many writes are behind the damage: all of them acknowledged, and lost to whoever cannot read on. */
const behindDamage = 100;
const observedMs = 3_000;

/** Where a record of the log begins: by a query that answers `timeline` and `lsn`, as PostgreSQL writes them. */
async function recordAt(session: Pick<Client, 'query'>, query: string): Promise<SpoiledPlace> {
  const { rows } = await session.query<{ readonly timeline: number; readonly lsn: string }>(query);
  return { timeline: rows[0]?.timeline ?? 0, lsn: parseLsn(rows[0]?.lsn ?? '') };
}

async function moreAcknowledged({ pair, until }: Stage): Promise<void> {
  const enough = pair.writer.acknowledged.length + behindDamage;
  await until('writes behind the damage are acknowledged', () => pair.writer.acknowledged.length >= enough);
}

/** Nobody takes over until the returned call. */
async function pause(stage: Stage): Promise<() => Promise<void>> {
  const set = async (paused: boolean): Promise<void> => {
    for (const name of ['a', 'b'] as const) await stage.stand.changeSettings(name, { paused });
  };
  stage.undo(() => set(false));
  await set(true);
  for (const machine of [stage.primary, stage.standby]) await stage.blocked(machine, 'Paused');
  return () => set(false);
}

const says = (stage: Stage, machine: Machine, step: RegExp): Promise<true> =>
  stage.until(`${machine.name} says ${String(step)}`, async () => step.test((await stage.status(machine)).step) && true);

export const damagePrimaryLog: Scenario = {
  name: 'damage-primary-log',
  group: 'storage',
  about:
    'Both members lose their power, and some bytes of the log of the primary, which its recovery takes for the end: it does not lead, and the standby, which has everything, does.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    const goOn = await pause(stage);
    await using session = await localSession(stage, primary);
    await session.query('CHECKPOINT');
    const place = await recordAt(
      session,
      `SELECT timeline_id AS timeline, pg_current_wal_insert_lsn()::text AS lsn FROM pg_control_checkpoint()`,
    );
    await moreAcknowledged(stage);
    await Promise.all([stage.losesPower(primary), stage.losesPower(standby)]);
    await spoilRecord(primary.member.dataDirectory, place);
    await standby.member.startAgent();
    await stage.until('the standby runs', async () => (await stage.status(standby)).role === 'standby');
    await primary.member.startAgent();
    await says(stage, primary, /ends before that of the other member/);
    await stage.keepsLeader(observedMs, standby);
    await stage.nobodyAcknowledges(observedMs);
    await goOn();
    await stage.takenOver();
    await stage.acknowledged();
  },
};

export const damageStandbyLog: Scenario = {
  name: 'damage-standby-log',
  group: 'storage',
  about:
    'The standby has not replayed what it received, and some bytes of it go bad, when the primary dies: it does not open its claim, and the primary, which is back, takes the lead back.',
  changes: 2,
  act: async (stage) => {
    const { primary, standby } = stage;
    await using session = await localSession(stage, standby);
    await session.query('SELECT pg_wal_replay_pause()');
    await stage.until('its replay stands still', async () => {
      const { rows } = await session.query<{ readonly is: string }>('SELECT pg_get_wal_replay_pause_state() AS is');
      return rows[0]?.is === 'paused';
    });
    const place = await recordAt(
      session,
      `SELECT (SELECT received_tli FROM pg_stat_wal_receiver) AS timeline, pg_last_wal_replay_lsn()::text AS lsn`,
    );
    await moreAcknowledged(stage);
    await primary.member.killMember();
    await spoilRecord(standby.member.dataDirectory, place);
    await says(stage, standby, /lacks what was acknowledged/);
    await stage.acknowledgesNothing(standby, observedMs);
    await primary.member.startAgent();
    await stage.takenOver(primary);
    await stage.acknowledged();
  },
};
