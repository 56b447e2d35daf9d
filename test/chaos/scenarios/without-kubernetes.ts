import { acknowledgedAgain } from '../../pair/watch-pair.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const observedMs = 3_000;

async function withoutKubernetes(stage: Stage): Promise<void> {
  const { apiserver } = stage.stand.api.controlPlane;
  stage.undo(() => apiserver.start());
  await apiserver.kill();
  await acknowledgedAgain(stage.pair.writer);
}

export const killPrimaryWithoutKubernetes: Scenario = {
  name: 'kill-primary-without-kubernetes',
  group: 'control-plane',
  about: 'An etcd is the arbiter, and the Kubernetes API is gone for all of it: PostgreSQL and agent of the primary are killed.',
  changes: 1,
  arbiter: 'etcd',
  act: async (stage) => {
    await withoutKubernetes(stage);
    await stage.primaryFails(() => stage.primary.member.killMember());
    await stage.takenOver();
    await stage.acknowledged();
  },
};

export const freezePrimaryWithoutKubernetes: Scenario = {
  name: 'freeze-primary-without-kubernetes',
  group: 'control-plane',
  about: 'The same with everything of the primary stopped by SIGSTOP, as when its machine hangs.',
  changes: 1,
  arbiter: 'etcd',
  act: async (stage) => {
    const { primary } = stage;
    await withoutKubernetes(stage);
    stage.undo(() => primary.member.signalMember('SIGCONT'));
    await stage.primaryFails(() => primary.member.signalMember('SIGSTOP'));
    await stage.takenOver();
    await stage.acknowledged();
  },
};

export const killEtcd: Scenario = {
  name: 'kill-etcd',
  group: 'control-plane',
  about:
    'An etcd is the arbiter and is killed: the pair serves on. The primary dies meanwhile: decided when the etcd is back, and not before.',
  changes: 1,
  arbiter: 'etcd',
  act: async (stage) => {
    const { primary, standby } = stage;
    const [etcd] = stage.stand.etcd?.members ?? [];
    stage.undo(async () => await etcd?.start());
    await etcd?.kill();
    for (const machine of [primary, standby]) await stage.blocked(machine, 'ArbiterUnreachable');
    await acknowledgedAgain(stage.pair.writer);
    await primary.member.killMember();
    await stage.nobodyAcknowledges(observedMs);
    await etcd?.start();
    await stage.takenOver();
    await stage.acknowledged();
  },
};
