import { childrenOf } from '../../cluster/processes.ts';
import type { Machine } from '../chaos-pair.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const observedMs = 2_000;

/** The hall server of a machine: a child of its agent. */
function hallServerOf({ member }: Machine): number | undefined {
  return childrenOf(member.agent?.pid ?? 0).find(({ command }) => command.includes('hall.json'))?.pid;
}

/** Gives both members a hall server for the time of the scenario. The agents start anew; the lead stays. */
async function giveHallServers(stage: Stage): Promise<number> {
  const { stand } = stage;
  const metricsPort = await stand.network.freePort();
  const hallServer = { hall: 'hall-7', port: await stand.network.freePort(), metricsPort, hallAuthority: stand.authority.certificatePem };
  const both = ['a', 'b'] as const;
  const give = async (plan: typeof hallServer | undefined): Promise<unknown> =>
    await Promise.all(both.map((name) => stand.changeSettings(name, { hallServer: plan })));
  stage.undo(async () => {
    await give(undefined);
    for (const machine of [stage.primary, stage.standby])
      await stage.until(`${machine.name} has no hall server any more`, () => hallServerOf(machine) === undefined);
  });
  await give(hallServer);
  await stage.until('the primary leads with a hall server', () => writesLedger(stage.primary, metricsPort));
  await stage.inStep();
  return metricsPort;
}

/** Whether the hall server of this machine leads: only then its ledger can be written. */
async function writesLedger({ member }: Machine, metricsPort: number): Promise<boolean> {
  const text = await (await fetch(`http://${member.address}:${metricsPort}/metrics`)).text();
  return /^hallkeeper_hall_ledger_writable(\{[^}]*\})? 1$/m.test(text);
}

export const killHallServer: Scenario = {
  name: 'kill-hall-server',
  group: 'process',
  about: 'The hall server of the primary is killed with SIGKILL: its agent starts another one that leads, and the pair stays as it is.',
  changes: 0,
  act: async (stage) => {
    const { primary } = stage;
    const metricsPort = await giveHallServers(stage);
    const pid = await stage.until('the primary has a hall server', () => hallServerOf(primary));
    process.kill(pid, 'SIGKILL');
    await stage.until('another one leads', async () => {
      const present = hallServerOf(primary);
      return present !== undefined && present !== pid && (await writesLedger(primary, metricsPort));
    });
    await stage.keepsLeader(observedMs);
    await stage.acknowledged();
  },
};

export const freezeHallServer: Scenario = {
  name: 'freeze-hall-server',
  group: 'process',
  about: 'The hall server of the primary is stopped with SIGSTOP: PostgreSQL is served on, and the pair stays as it is.',
  changes: 0,
  act: async (stage) => {
    const { primary } = stage;
    const metricsPort = await giveHallServers(stage);
    const pid = await stage.until('the primary has a hall server', () => hallServerOf(primary));
    const goOn = (): unknown => process.kill(pid, 'SIGCONT');
    stage.undo(() => Promise.resolve(goOn()));
    process.kill(pid, 'SIGSTOP');
    await stage.keepsLeader(observedMs);
    await stage.acknowledged();
    goOn();
    await stage.until('it leads on', () => writesLedger(primary, metricsPort));
  },
};
