/** Conditions of a Terminal with all their reasons, and what each means; the handbook is written from this list. */
export const terminalConditions = {
  Ready: {
    Enrolled: 'The terminal has its certificate and stands in the roster of the hall, whether it is online or not.',
    SpecRefused: 'Part of the spec cannot be met; the message names every problem. The rest of it is served.',
    HallMissing: 'There is no Hall of the name in spec.hallRef.',
    HallNotReady: 'The Hall has no pair that serves it, or lost its name to another; its own condition Ready says why.',
    NotApplied: 'The API server refuses something that the terminal needs; the message says what.',
    SecretUnusable: 'The Secret of this name belongs to somebody else.',
  },
  Enrolled: {
    CertificateIssued: 'The certificate stands in the Secret that the message names.',
    Waiting: 'There is no certificate yet; the condition Ready says why.',
  },
  DevicesHealthy: {
    NotReported: 'The Terminal lists devices, but agents of this release do not report them.',
  },
} as const;

export type TerminalConditionType = keyof typeof terminalConditions;

/** One condition before it is laid over those that stand. */
export type TerminalStatement = {
  readonly [T in TerminalConditionType]: {
    readonly type: T;
    readonly status: 'True' | 'False' | 'Unknown';
    readonly reason: keyof (typeof terminalConditions)[T] & string;
    readonly message: string;
  };
}[TerminalConditionType];
