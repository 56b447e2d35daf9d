import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;

export const claimantLosesArbiter: Scenario = {
  name: 'claimant-loses-arbiter',
  group: 'network',
  about:
    'The standby has won the claim and is being promoted when it loses the arbiter alone: it can open to nobody, and the deposed primary, which hears it, takes the lead back while the cut still stands.',
  changes: 2,
  act: async (stage) => {
    const { primary, standby } = stage;
    // Without its startup process the standby begins its promotion and cannot end it before the cut.
    const goOn = await stage.freeze(standby, 'startup');
    stage.undo(() => standby.branch.cut([]));
    await primary.member.killPostgres();
    await stage.logged(standby, /"operation":"promote".*operation begins/);
    await standby.branch.cut([{ from: [stage.arbiterAddress] }]);
    goOn();
    await stage.logged(standby, /"operation":"promote".*operation done/);
    const promotedMs = performance.now();
    await stage.nobodyAcknowledges(observedMs);
    await stage.takenOver(primary);
    await stage.acknowledged();
    stage.notes.push(`the deposed primary served ${Math.round(performance.now() - promotedMs)} ms after the claimant was promoted`);
    const { arbiterReached } = await stage.status(standby);
    if (arbiterReached) throw new Error('the claimant reached the arbiter, which was to be cut off from it');
  },
};
