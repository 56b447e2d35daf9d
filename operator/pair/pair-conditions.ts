import type { ConditionTable, StatementOf } from '../statement.ts';

/**
 * Condition types of a FailoverPair and their reasons, each with what it means. Users see them, monitoring matches them: a reason is
 * never renamed. The handbook is made from this table.
 */
export const pairConditions = {
  Ready: {
    SettingsDelivered: 'The spec is accepted and both members have their settings waiting for them.',
    SpecRefused:
      'The spec cannot be met; the message lists every problem. What ran before goes on, and certificates and tokens are renewed.',
    ObjectForeign: 'An object of a name that the pair needs belongs to somebody else. It is never adopted; delete or rename it.',
    AuthorityLost:
      "The Secret of the pair's certification authority is gone. None is made anew: restore it, or give it up as the message says.",
    NotApplied: 'The API server refuses something that the pair needs; the message says what. What ran before goes on.',
    AuthorityUnreadable: "The Secret of the pair's certification authority is damaged. Restore it from a backup.",
  },
  ZeroLossFailoverPossible: {
    StandbyStreaming: 'Everything acknowledged is on both members; either may fail without loss.',
    StandbyLost: 'The standby is not heard, does not stream, or could not be promoted. Find out what is the matter with it.',
    PrimaryLost:
      'The primary led alone and is heard by nobody, or has lost its data, so nobody serves clients. Start it, or adopt the other member when it is gone for good.',
    CopyingStandby: 'The standby is being brought up to date; the message tells how far it is, in steps of ten percent.',
    ArbiterUnreachable: 'The standby does not reach the arbiter, so it could not take over. Whether the primary does is another matter.',
    DiskFull: 'The standby has almost no free disk, so it may end while it takes over.',
    RecordLost:
      "The pair's record is missing or names no member of it. Nobody repairs it silently: compare both members and adopt one, with hallctl pair adopt.",
    Paused: 'The pair is paused, by spec.paused or by a PairOperation, and makes no failover.',
    NeverLed: 'The pair has not been started yet. Enrol both members and start their agents.',
    TakeoverRunning: 'One member is taking over from the other at this moment.',
    MembersUnreachable: 'Neither member answers the operator: it is cut off from both, or nobody serves clients.',
  },
  MembersReachable: {
    AllReachable: 'The agents of both members answer the operator.',
    MemberUnreachable: 'An agent does not answer the operator. Failover does not need the operator; operations and this status do.',
    NotAskedYet: 'The members have not been asked since the operator started.',
  },
  DNSInSync: {
    InSync: "Every server shows the primary's address.",
    Moving: 'The leader has just changed, and the name follows.',
    OutOfSync: 'A server shows something older though it had time. The operator writes the record again at every look.',
    LaterEpoch: 'A server shows a later epoch than the record of the pair. Nobody moves it back: find out who wrote it.',
    ServerUnreachable: 'A server does not answer.',
    ServerFailing: 'A server answers, but with an error that says nothing about the name; its own log says why.',
    KeyRefused: 'A server does not accept the TSIG key, or not for this name. Compare key name, secret and rights there.',
    NameForeign: 'The name has records that this pair did not set. They are never touched.',
    NotLedYet: 'Nobody leads, so there is nothing to show.',
    NotAskedYet: 'The servers have not been asked since the operator started.',
  },
  ServiceInSync: {
    InSync: 'The EndpointSlice leads to the primary of the present epoch.',
    Moving: 'One member is taking over; the EndpointSlice follows when it has opened.',
    OutOfSync: 'The EndpointSlice does not lead to the primary yet.',
    LaterEpoch: 'The EndpointSlice is of a later epoch than the record of the pair. Nobody moves it back: find out who wrote it.',
    RecordLost: 'The record of the pair is missing, so nobody can say where the EndpointSlice is to lead; it stays as it is.',
    ObjectForeign: 'The Service or its EndpointSlice belongs to somebody else. It is never adopted; rename spec.service.',
    NotApplied: 'The API server refuses the Service or its EndpointSlice; the message says why.',
    NotLedYet: 'Nobody leads, so there is nothing to lead to.',
  },
  Progressing: {
    Settled: 'Nothing is under way.',
    WaitingForEnrolment: 'A member has never been heard of. Run hallctl pair enrol for it and start its agent.',
    DeliveringSettings: 'A member has not taken its present settings yet.',
    CopyingStandby: 'The standby is being brought up to date.',
    TakeoverRunning: 'One member is taking over from the other.',
    Deleting: 'The pair is being taken down.',
  },
} as const satisfies ConditionTable;

export type PairConditionType = keyof typeof pairConditions;

export type PairStatement = StatementOf<typeof pairConditions>;
