import { acknowledgedAgain } from '../../pair/watch-pair.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const observedMs = 3_000;

/** Waits until both members miss the arbiter and say that no failover is possible, while clients are served as before. */
async function bothMissIt(stage: Stage): Promise<void> {
  for (const machine of [stage.primary, stage.standby]) await stage.blocked(machine, 'ArbiterUnreachable');
  await acknowledgedAgain(stage.pair.writer);
}

/** Nobody can decide: the standby stands by while the primary is dead, and decides as soon as it can. */
async function decidesWhenItIsBack(stage: Stage, back: () => Promise<unknown>): Promise<void> {
  const { primary, standby } = stage;
  await bothMissIt(stage);
  await primary.member.killMember();
  await stage.blocked(standby, 'ArbiterUnreachable');
  await stage.nobodyAcknowledges(observedMs);
  await back();
  await stage.takenOver();
  await stage.acknowledged();
}

export const killArbiter: Scenario = {
  name: 'kill-arbiter',
  group: 'control-plane',
  about:
    'The API server is killed: the pair serves on. The primary dies meanwhile: nothing is decided before the API server is back, and then at once.',
  changes: 1,
  act: async (stage) => {
    const { apiserver } = stage.stand.api.controlPlane;
    stage.undo(() => apiserver.start());
    await apiserver.kill();
    await decidesWhenItIsBack(stage, () => apiserver.start());
  },
};

export const freezeArbiter: Scenario = {
  name: 'freeze-arbiter',
  group: 'control-plane',
  about:
    'The API server is stopped with SIGSTOP, so that it takes requests and answers none; the primary dies meanwhile: decided when it goes on.',
  changes: 1,
  act: async (stage) => {
    const { pid = 0 } = stage.stand.api.controlPlane.apiserver;
    const goOn = (): Promise<unknown> => Promise.resolve(process.kill(pid, 'SIGCONT'));
    stage.undo(goOn);
    process.kill(pid, 'SIGSTOP');
    await decidesWhenItIsBack(stage, goOn);
  },
};

export const killArbiterKillPostmaster: Scenario = {
  name: 'kill-arbiter-kill-postmaster',
  group: 'control-plane',
  about: 'The API server is away when PostgreSQL of the primary is killed: nobody may take over, so its agent starts it again.',
  changes: 0,
  act: async (stage) => {
    const { primary } = stage;
    const { apiserver } = stage.stand.api.controlPlane;
    stage.undo(() => apiserver.start());
    await apiserver.kill();
    await bothMissIt(stage);
    await stage.primaryFails(() => primary.member.killPostgres());
    await stage.acknowledgedBy(primary);
    await stage.acknowledged();
  },
};
