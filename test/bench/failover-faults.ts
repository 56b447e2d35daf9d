import type { ChaosPair, Machine } from '../chaos/chaos-pair.ts';

export const failoverFaults = ['crash', 'postmaster', 'hang', 'cut', 'switchover'] as const;
export type FailoverFault = (typeof failoverFaults)[number];

/** What is done to a primary, and how it is undone once the other member leads. */
export interface Hurt {
  hurt(pair: ChaosPair, primary: Machine, run: number): Promise<void>;
  heal(primary: Machine): Promise<void>;
}

const nothing = (): Promise<void> => Promise.resolve();

export const hurts: Readonly<Record<FailoverFault, Hurt>> = {
  crash: {
    hurt: (_, { member }) => member.killMember(),
    heal: ({ member }) => member.startAgent(),
  },
  // The agent lives, and finds its PostgreSQL dead.
  postmaster: {
    hurt: (_, { member }) => member.signalPostgres('SIGKILL'),
    heal: nothing,
  },
  hang: {
    hurt: (_, { member }) => member.signalMember('SIGSTOP'),
    heal: ({ member }) => member.signalMember('SIGCONT'),
  },
  cut: {
    hurt: (_, { branch }) => branch.cut([{}]),
    heal: ({ branch }) => branch.cut([]),
  },
  switchover: {
    hurt: (pair, { name }, run) => pair.stand.switchover(name, `bench-${run}`),
    heal: nothing,
  },
};
