import type { Scenario } from '../scenario.ts';

const observedMs = 3_000;

export const killBothStaleFirst: Scenario = {
  name: 'kill-both-stale-first',
  group: 'sequences',
  about: 'The standby is lost, the primary acknowledges alone and dies, and the stale standby comes back first: it leads nobody and waits.',
  changes: 0,
  everyChange: true,
  act: async (stage) => {
    const { primary, standby } = stage;
    await standby.member.killMember();
    await stage.leadsAlone();
    await stage.acknowledged();
    await primary.member.killMember();
    await standby.member.startAgent();
    await stage.until(
      'the stale member knows that the other one led alone',
      async () => (await stage.status(standby)).record?.mode === 'solo',
    );
    await stage.blocked(standby, 'PrimaryLost');
    await stage.nobodyAcknowledges(observedMs);
    if ((await stage.status(standby)).serving) throw new Error('the stale member serves');
  },
};

export const killBothAtOnce: Scenario = {
  name: 'kill-both-at-once',
  group: 'sequences',
  about: 'Both members lose their power at once and come back together; whoever leads then has everything.',
  changes: 'any',
  act: async (stage) => {
    const { primary, standby } = stage;
    await Promise.all([stage.losesPower(primary), stage.losesPower(standby)]);
    await Promise.all([primary.member.startAgent(), standby.member.startAgent()]);
    await stage.acknowledged();
  },
};

export const killBothStandbyReturns: Scenario = {
  name: 'kill-both-standby-returns',
  group: 'sequences',
  about: 'Both members lose their power at once and the standby alone comes back: it has everything that was acknowledged, and takes over.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    await Promise.all([stage.losesPower(primary), stage.losesPower(standby)]);
    await standby.member.startAgent();
    await stage.takenOver();
    await stage.acknowledged();
  },
};
