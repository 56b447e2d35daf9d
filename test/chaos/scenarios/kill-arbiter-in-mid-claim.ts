import { join } from 'node:path';
import { processesWith } from '../../cluster/processes.ts';
import type { Scenario } from '../scenario.ts';

export const killArbiterInMidClaim: Scenario = {
  name: 'kill-arbiter-in-mid-claim',
  group: 'control-plane',
  about:
    'The standby asks for the claim; the API server has passed it on to an etcd that stands still when it is killed, so that the claim may be carried out late: it is settled first, then decided.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby } = stage;
    const { apiserver, directory } = stage.stand.api.controlPlane;
    const [etcd] = processesWith(`--data-dir=${join(directory, 'etcd')}`);
    if (etcd === undefined) throw new Error('there is no etcd');
    const goOn = (): unknown => process.kill(etcd, 'SIGCONT');
    stage.undo(async () => {
      goOn();
      await apiserver.start();
    });
    process.kill(etcd, 'SIGSTOP');
    await primary.member.killMember();
    await stage.logged(standby, /"mode":"claim".*asking the arbiter for a change/);
    await apiserver.kill();
    goOn();
    await apiserver.start();
    await stage.takenOver();
    await stage.acknowledged();
  },
};
