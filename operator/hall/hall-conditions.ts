/** Conditions of a Hall with all their reasons, and what each means; the handbook is written from this list. */
export const hallConditions = {
  Ready: {
    Accepted: 'The settings were accepted, and certificates and routes were made from them.',
    SpecRefused: 'Part of the spec cannot be met; the message names every problem. What ran before goes on running.',
    NameTaken: 'Another Hall of the cluster has this name; this one gets neither certificates, routes nor metrics.',
    PairMissing: 'There is no FailoverPair of the name in spec.failoverPairRef.',
    PairTaken: 'The pair serves another Hall.',
    PairNotReady: 'The pair has no certification authority yet; its own condition Ready says why.',
    AuthorityLost:
      'The Secret of the certification authority of the hall is gone. None is made anew: restore it, or give it up as the message says.',
    NotApplied: 'The API server refuses something that the hall needs; the message says what. What ran before goes on.',
    SecretUnusable: 'A Secret of this name belongs to somebody else, or the Secret of the authority cannot be read.',
  },
  FleetReachable: {
    Connected: 'The hall server of the leading member answers.',
    Connecting: 'The connection is being made for the first time.',
    Unreachable: 'No member of the pair answers as the leading one. The terminals keep their last state.',
    NotServed: 'No pair serves this Hall; the condition Ready says why.',
  },
  NotificationsRouted: {
    Routed: 'Alerts of this hall are sent as spec.notify says.',
    NobodyNamed: 'spec.notify is empty: alerts of this hall go to the platform receivers.',
    LastGoodKept: 'Part of spec.notify cannot be met; alerts are sent as before the change.',
    NotRouted: 'Part of spec.notify cannot be met; alerts of this hall go to the platform receivers.',
    NotConfigured: 'The settings of the operator name no Alertmanager.',
    NotDelivered: 'The configuration of Alertmanager could not be written; the one before stays in force.',
    NameTaken: 'Another Hall of the cluster has this name.',
  },
} as const;

export type HallConditionType = keyof typeof hallConditions;

/** One condition before it is laid over those that stand. */
export type HallStatement = {
  readonly [T in HallConditionType]: {
    readonly type: T;
    readonly status: 'True' | 'False' | 'Unknown';
    readonly reason: keyof (typeof hallConditions)[T] & string;
    readonly message: string;
  };
}[HallConditionType];
