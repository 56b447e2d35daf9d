import { setTimeout as sleep } from 'node:timers/promises';
import type { FalseClock } from '../false-clock.ts';
import { makeFalseClock } from '../false-clock.ts';
import { localSession } from '../local-session.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const tenMinutesSeconds = 600;
const observedMs = 2_000;
const wrongBySecondsMax = 60;

/** How far the clocks of the machine are off, those of its agent and of its PostgreSQL, in seconds. */
async function offBy(stage: Stage): Promise<readonly number[]> {
  const { member } = stage.standby;
  const answer = await fetch(`http://${member.address}:${member.metricsPort}/metrics`);
  await answer.text();
  const ofAgent = new Date(answer.headers.get('date') ?? '').getTime();
  await using session = await localSession(stage, stage.standby);
  const { rows } = await session.query<{ readonly now: Date }>('SELECT clock_timestamp() AS now');
  return [ofAgent, rows[0]?.now.getTime() ?? Number.NaN].map((atMs) => Math.round((atMs - Date.now()) / 1_000));
}

/** The lead must stay while the clock jumps, and both clocks must really have jumped, or nothing was tried. */
async function staysAt(stage: Stage, clock: FalseClock, seconds: number): Promise<void> {
  const before = await stage.inStep();
  await clock.jump(seconds);
  await stage.acknowledged();
  await sleep(observedMs);
  const after = await stage.inStep();
  const off = await offBy(stage);
  if (!off.every((each) => Math.abs(each - seconds) <= wrongBySecondsMax)) {
    throw new Error(`both clocks were to be off by ${seconds} s, and are by ${off.join(' s and ')} s`);
  }
  if (after.leader !== before.leader || after.epoch !== before.epoch) throw new Error(`the lead moved when a clock jumped to ${seconds} s`);
}

export const jumpClock: Scenario = {
  name: 'jump-clock',
  group: 'sequences',
  about:
    "The standby's clock, for its agent and its PostgreSQL, jumps ten minutes forward and twenty back, and again when it has taken over: no clock is trusted, so nothing moves that was not killed.",
  changes: 2,
  act: async (stage) => {
    const { primary, standby } = stage;
    const clock = await makeFalseClock();
    stage.undo(async () => {
      // It leads by now, and its clock can be put right only by starting it anew: the second change.
      await standby.member.killMember();
      await clock[Symbol.asyncDispose]();
      await standby.member.startAgent();
    });
    await standby.member.killMember();
    await standby.member.startAgent(clock);
    await staysAt(stage, clock, tenMinutesSeconds);
    await staysAt(stage, clock, -tenMinutesSeconds);
    await primary.member.killPostgres();
    await stage.takenOver();
    await staysAt(stage, clock, tenMinutesSeconds);
  },
};
