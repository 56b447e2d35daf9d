import type { Scenario } from '../scenario.ts';

export const rewindAfterPromotion: Scenario = {
  name: 'rewind-after-promotion',
  group: 'postgresql',
  about: 'The old primary comes back in the moment of the promotion, is rewound when the new timeline is seen, and takes the lead again.',
  changes: 2,
  act: async (stage) => {
    const { primary, standby } = stage;
    await stage.deposeByCut();
    await stage.logged(primary, /"does":"rewind"/);
    await stage.logged(primary, /"did":"rewound"/);
    await stage.inStep();
    await stage.stand.switchover(standby.name, `back-${Date.now()}`);
    await stage.takenOver(primary);
    await stage.acknowledged();
  },
};
