import type { KnownRecord, MemberFacts } from './member-facts.ts';
import type { MemberName } from './pair-record.ts';
import { lacksAcknowledged, serviceOf, whyHalted } from './why-unserved.ts';
import type { PairService } from './why-unserved.ts';

/**
 * Why a failover without loss is not possible now, as a member may see it. It becomes the reason of the pair's condition and the label of
 * a metric, so the set is closed.
 */
export const blockedReasons = [
  'StandbyLost',
  'PrimaryLost',
  'CopyingStandby',
  'ArbiterUnreachable',
  'DiskFull',
  'RecordLost',
  'Paused',
  'NeverLed',
  'TakeoverRunning',
] as const;
/** A member hears at least itself; another observer may hear neither. */
export type BlockedReason = (typeof blockedReasons)[number] | 'MembersUnreachable';

/** What an observer of the pair knows of it. */
export interface PairFacts {
  readonly members: readonly [MemberName, MemberName];
  /** The record as the observer reads it itself, where it can; what members know of it may be newer. */
  readonly record: KnownRecord | undefined;
  /** Why the record cannot be used, where the observer sees that itself. */
  readonly recordLost: string | undefined;
  /** The pair is to make no failover, by the word of whoever may say so. */
  readonly paused: boolean;
  /** Who paused it and how that is ended, where the observer knows: one whole sentence each. */
  readonly pause?: { readonly says: string; readonly advice: string } | undefined;
  /** How people name the pair to hallctl, such as `pair-7 -n hall-7`. */
  readonly called?: string | undefined;
  /** Members that were heard just now, by the observer or by their peer. One that is missing may be dead. */
  readonly heard: readonly MemberFacts[];
  /** Members with almost no room on their disk. */
  readonly diskFull: readonly MemberName[];
}

/** What would happen if the primary died at this moment, PostgreSQL, agent and machine. */
export interface FailoverVerdict extends PairService {
  readonly takesOver: boolean;
  /** Somebody takes over and holds everything that was ever acknowledged. */
  readonly lossFree: boolean;
  /** Who takes over. */
  readonly by?: MemberName;
  /** Absent exactly when the pair is synchronous and its standby would take over. */
  readonly blockedBy?: BlockedReason;
  /** The primary by the record, when neither the observer nor the other member hears it. */
  readonly silent?: MemberName;
  /** The primary by the record is heard and does not lead, so that whoever takes over does it now: one sentence, the first of `because`, too. */
  readonly halted?: string;
  /** Whole sentences: why, and what to do. `unserved` is the first of them, too. */
  readonly because: readonly string[];
  readonly advice: readonly string[];
}

/** What a member tells of itself, and what it has just heard of the other. */
export interface ToldFacts {
  readonly facts: MemberFacts;
  readonly peer: MemberFacts | undefined;
}

/** Everybody who was heard: by the observer, else by the other member. A member's own word counts more than what is told of it. */
export function heardFrom(told: readonly ToldFacts[]): readonly MemberFacts[] {
  const direct = told.map(({ facts }) => facts);
  const through = told.flatMap(({ peer }) => (peer === undefined || direct.some(({ name }) => name === peer.name) ? [] : [peer]));
  return [...direct, ...through];
}

/** The verdict, from the facts alone. The member's metric, the operator's condition and `hallctl pair explain` all rest on it. */
export function explainFailover(facts: PairFacts): FailoverVerdict {
  const record = newestRecord(facts);
  const lost = facts.recordLost ?? facts.heard.flatMap(({ name, frozen }) => (frozen === undefined ? [] : [`${name} says: ${frozen}`]))[0];
  if (lost !== undefined) return recordIsLost(facts, record, lost);
  if (record === undefined) {
    return nobody('ArbiterUnreachable', 'The record of the pair has not been read yet, so nobody may lead or take over.', [
      'Repair the way from the members to the arbiter.',
    ]);
  }
  if (record.mode === 'new' || record.primary === undefined) {
    return nobody('NeverLed', 'The pair was never started: there is no primary and no data.', [
      'Enrol both members with hallctl pair enrol and start their agents.',
    ]);
  }
  const { primary } = record;
  const standby = facts.members.find((name) => name !== primary) ?? '';
  const verdict = byMode[record.mode](facts, primary, standby);
  const silent = facts.heard.some(({ name }) => name === primary) ? {} : { silent: primary };
  if (verdict.takesOver) return { ...verdict, ...silent };
  return { ...withService(verdict, serviceOf(facts.heard, primary, standby)), ...silent };
}

/** How clients fare comes first. A verdict that knows it better keeps its own word. */
function withService(verdict: FailoverVerdict, service: PairService): FailoverVerdict {
  if (verdict.unserved !== undefined) return verdict;
  const { unserved } = service;
  return unserved === undefined ? verdict : { ...verdict, ...service, because: [unserved, ...verdict.because] };
}

const byMode = { claim: duringClaim, solo: alone, sync: together } as const;

/** What is typed to hallctl about this pair. */
function typed({ called = 'PAIR' }: PairFacts, verb: string, options = ''): string {
  return `\`hallctl pair ${verb} ${called}${options}\``;
}

/** The newest that anybody knows. */
export function newestRecord({ record, heard }: PairFacts): KnownRecord | undefined {
  const known = [record, ...heard.map((each) => each.record)].filter((each) => each !== undefined);
  return known.toSorted((left, right) => right.sequence - left.sequence)[0];
}

function nobody(blockedBy: BlockedReason, because: string | readonly string[], advice: readonly string[]): FailoverVerdict {
  return { takesOver: false, lossFree: false, blockedBy, because: [because].flat(), advice };
}

function recordIsLost(facts: PairFacts, record: KnownRecord | undefined, why: string): FailoverVerdict {
  const { heard } = facts;
  const serving = heard.find(({ role, postgres }) => role === 'primary' && postgres === 'running');
  const last = record === undefined ? [] : [`The last record that was known said ${inWords(record)}.`];
  const lost = `The record of the pair cannot be used (${why}), so both members keep their roles: nobody takes over.`;
  const advice = outOfLostRecord(facts, serving);
  if (serving === undefined) return withService(nobody('RecordLost', [lost, ...last], advice), serviceWithoutRecord(facts));
  const on = `${serving.name} serves on as it did${serving.waitsFor === 'peer' ? ', each commit on both members' : ''}; nothing is lost by this alone.`;
  return nobody('RecordLost', [lost, on, ...last], advice);
}

/** Where no member is heard that runs as primary. One that is silent may, and its standby then streams. */
function serviceWithoutRecord({ heard, members }: PairFacts): PairService {
  const [only, second] = heard;
  if (second === undefined && only?.streaming !== false) {
    const silent = members.find((name) => name !== only?.name) ?? '';
    return serviceOf(heard, silent, only?.name ?? '');
  }
  return { unserved: 'No member that was heard runs as primary, so the pair is not served.' };
}

/** A member is adopted only when it is heard and its data is complete: whom to name, and whom to start first. */
function outOfLostRecord(facts: PairFacts, serving: MemberFacts | undefined): readonly string[] {
  const { heard, members } = facts;
  const adopt = (member: string): string => typed(facts, 'adopt', ` --primary ${member}`);
  const whole = heard.filter(({ data }) => data === 'complete');
  const [silent, second] = members.filter((name) => heard.every((each) => each.name !== name));
  const compare = `Compare both members with ${typed(facts, 'status')}, then write the record anew with`;
  if (silent === undefined && whole.length === 0) return ['Neither member has complete data, so neither can lead: only a backup helps.'];
  if (silent === undefined || (serving !== undefined && whole.length > 0)) {
    const [best, other] = whole.filter((each) => !lacksAcknowledged(each));
    const named = serving === undefined && best !== undefined && other === undefined ? best.name : 'MEMBER';
    return [`Restart nothing. ${compare} ${adopt(named)}.`];
  }
  if (second !== undefined) return [`Start ${silent} and ${second}, or repair the way to them. ${compare} ${adopt('MEMBER')}.`];
  const [there] = heard;
  const start = `Start ${silent}, or repair the way to it`;
  const [able] = whole;
  if (able === undefined) {
    const still = serving === undefined ? [] : [`Restart nothing of ${serving.name} meanwhile.`];
    return [
      `${start}: ${String(there?.name)} ${lacksData(there)}, so only ${silent} can be adopted, with ${adopt(silent)}.`,
      ...still,
      `When ${silent} is lost for good, only a backup helps.`,
    ];
  }
  return [
    `${start}, and restart nothing else. ${compare} ${adopt('MEMBER')}.`,
    `Only when ${silent} is lost for good, and switched off: ${adopt(`${able.name} --accept-loss`)} lets ${able.name} lead, and what ${silent} has beyond it is lost.`,
  ];
}

/** What a member that is heard says of data with which it cannot lead. */
function lacksData(member: MemberFacts | undefined): string {
  return member?.data === 'empty' ? 'holds no data' : 'has no proof that its data is complete';
}

function duringClaim(facts: PairFacts, claimant: MemberName, deposed: MemberName): FailoverVerdict {
  const { heard } = facts;
  const other = heard.find(({ name }) => name === deposed);
  const claims = heard.find(({ name }) => name === claimant);
  if (claims?.stuck !== undefined) return withoutClaimant(facts, claims, claims.stuck, deposed);
  const running = `${claimant} is taking over from ${deposed} at this moment, and holds everything that was acknowledged.`;
  const obstacle =
    other === undefined
      ? `${deposed} is not heard`
      : other.data !== 'complete'
        ? `${deposed} has no complete copy`
        : lacksAcknowledged(other)
          ? `${deposed} lacks something itself, for ${String(other.stuck)}`
          : other.arbiterReached
            ? undefined
            : `${deposed} does not reach the arbiter`;
  if (obstacle !== undefined) {
    return nobody(
      'TakeoverRunning',
      [running, `If ${claimant} died before it has opened, nobody could take the claim back: ${obstacle}.`],
      [`Wait until the take-over is done; if ${claimant} ends, start either member again.`],
    );
  }
  return {
    takesOver: true,
    lossFree: true,
    by: deposed,
    blockedBy: 'TakeoverRunning',
    because: [running, `If ${claimant} died before it has opened, ${deposed} would take the claim back: it holds everything, too.`],
    advice: ['Wait until the take-over is done.'],
  };
}

/** A claimant that cannot open serves nobody; only the deposed member can, or a person who accepts what the claimant lacks. */
function withoutClaimant(facts: PairFacts, claims: MemberFacts, stuck: string, deposed: MemberName): FailoverVerdict {
  const claimant = claims.name;
  const other = facts.heard.find(({ name }) => name === deposed);
  const halted = `${claimant} has claimed the lead and does not open: ${stuck}.`;
  const able = other?.data === 'complete' && !lacksAcknowledged(other);
  if (able && other.arbiterReached) {
    return {
      takesOver: true,
      lossFree: true,
      by: deposed,
      blockedBy: 'TakeoverRunning',
      halted,
      because: [halted, `${deposed} has everything and takes the lead back.`],
      advice: [`Wait until ${deposed} leads again.`],
    };
  }
  const unserved = `Nobody serves clients now: ${halted}`;
  const stands = (because: string, advice: readonly string[]): FailoverVerdict => ({
    ...nobody('TakeoverRunning', [unserved, because], advice),
    unserved,
  });
  const short = lacksAcknowledged(claims);
  if (able) {
    return stands(`${deposed} has everything and does not reach the arbiter, so it cannot take the lead back.`, [
      `Repair the way from ${deposed} to the arbiter: it then takes the lead back by itself.`,
    ]);
  }
  const adopt = `${typed(facts, 'adopt', ` --primary ${claimant} --accept-loss`)} lets ${claimant} lead, and what it lacks is lost`;
  const log = `Look into the log of ${claimant} for what keeps it: it needs nothing of ${deposed} to go on.`;
  if (other === undefined) {
    return stands(
      short
        ? `Only ${deposed} has everything that was acknowledged, and it is not heard.`
        : `${deposed}, which could take the lead back, is not heard.`,
      [
        `Start ${deposed}, or repair the way to it: it takes the lead back by itself.`,
        short ? `Only when ${deposed} is lost for good, and switched off: ${adopt}.` : log,
      ],
    );
  }
  const unable = other.data === 'complete' ? `stuck, for ${String(other.stuck)}` : lacksData(other);
  return stands(
    `${deposed} is heard and ${unable}, so it cannot take the lead back.`,
    short
      ? [`Only when the data of ${deposed} is lost for good: ${adopt}.`, 'Else only a backup helps.']
      : [log, 'Else only a backup helps.'],
  );
}

function alone(facts: PairFacts, primary: MemberName, standby: MemberName): FailoverVerdict {
  const { heard } = facts;
  const lead = heard.find(({ name }) => name === primary);
  const other = heard.find(({ name }) => name === standby);
  if (lead === undefined) return withoutLonePrimary(facts, primary, standby, other);
  if (lead.postgres === 'down' && lead.data !== 'complete') return withoutLoneData(facts, primary, standby, other);
  const waits = lead.whenStandbyLost === 'block';
  const state = waits
    ? `${primary} leads alone, and by choice (whenStandbyLost: Block) acknowledges nothing until ${standby} has a copy again.`
    : `${primary} commits alone: ${standby} may lack what ${primary} has acknowledged, so it must not take over.`;
  const keep = `If ${primary} fails, start it again: it has the only complete data. Do not restart it before the pair is in mode Sync.`;
  const comeBack = whyHalted(lead) === undefined ? keep : `Look into the log of ${primary} first: it has the only complete data.`;
  if (other === undefined) {
    return nobody('StandbyLost', [state, `${standby} is not heard.`], [`Start ${standby}, or repair the way to it.`, comeBack]);
  }
  const [blockedBy, is]: readonly [BlockedReason, string] =
    other.copying || other.data !== 'complete'
      ? ['CopyingStandby', `${standby} is being brought up to date.`]
      : other.streaming
        ? ['CopyingStandby', `${standby} streams and is about to be waited for.`]
        : ['StandbyLost', `${standby} is there and does not stream${other.stuck === undefined ? '' : `: ${other.stuck}`}.`];
  const wait = blockedBy === 'CopyingStandby' ? `Wait for ${standby}.` : `Look into the log of ${standby} for why it does not stream.`;
  return nobody(blockedBy, [state, is], [wait, comeBack]);
}

/** Who led alone is silent. Only it has everything, so nothing happens until it is back or a person gives it up. */
function withoutLonePrimary(facts: PairFacts, primary: MemberName, standby: MemberName, other: MemberFacts | undefined): FailoverVerdict {
  const back = `Start ${primary}, or repair the way to it: it has the only complete data, and leads again by itself.`;
  if (other === undefined) {
    return nobody('MembersUnreachable', `By the record ${primary} leads alone; ${standby} could not take over.`, [back]);
  }
  const adopt = typed(facts, 'adopt', ` --primary ${standby} --accept-loss`);
  return other.data === 'complete' && !other.copying
    ? nobody('PrimaryLost', `${standby} lacks what ${primary} acknowledged while it led alone, so it must not take over.`, [
        back,
        `Only when ${primary} is lost for good, and switched off: ${adopt} lets ${standby} lead, and everything that ${primary} acknowledged while it led alone is lost.`,
      ])
    : nobody('PrimaryLost', `${standby} has no complete copy, so it could not lead at all.`, [
        back,
        `When ${primary} is lost for good, only a backup helps: ${standby} cannot be adopted.`,
      ]);
}

/** Who led alone is heard, and has lost its data or the proof of it: it never leads again unless somebody brings that back. */
function withoutLoneData(facts: PairFacts, primary: MemberName, standby: MemberName, other: MemberFacts | undefined): FailoverVerdict {
  const disk = `Bring back the disk of ${primary}, with its data and its state directory, if it still exists: then ${primary} leads again by itself.`;
  const adopt = typed(facts, 'adopt', ` --primary ${standby} --accept-loss`);
  if (other === undefined) {
    return nobody('PrimaryLost', `${standby} is not heard; it may lack what ${primary} acknowledged while it led alone.`, [
      disk,
      `Or start ${standby}: if its copy is complete, ${adopt} lets it lead, and everything that ${primary} acknowledged while it led alone is lost.`,
    ]);
  }
  if (other.data === 'complete' && !other.copying) {
    return nobody('PrimaryLost', `${standby} lacks what ${primary} acknowledged while it led alone, so it must not take over.`, [
      disk,
      `Only when that data is lost for good: ${adopt} lets ${standby} lead, and everything that ${primary} acknowledged while it led alone is lost.`,
    ]);
  }
  // A pair that is started for the first time looks the same for some seconds.
  return nobody('CopyingStandby', `${standby} has no complete copy, so it could not lead either.`, [
    `If the pair was only just started, wait: ${primary} makes its data first.`,
    disk,
    'When that data is lost for good, only a backup helps.',
  ]);
}

function together(facts: PairFacts, primary: MemberName, standby: MemberName): FailoverVerdict {
  const lead = facts.heard.find(({ name }) => name === primary);
  const other = facts.heard.find(({ name }) => name === standby);
  const both = `Everything that ${primary} acknowledged is on both members.`;
  const obstacle = obstacleOf(facts, primary, standby, other);
  const why = lead === undefined ? undefined : whyHalted(lead);
  if (lead !== undefined && why !== undefined) return withoutPrimary(facts, lead, why, { name: standby, facts: other, obstacle });
  const reach =
    lead === undefined || lead.arbiterReached
      ? []
      : [
          `Repair the way from ${primary} to the arbiter: without it ${primary} could not go on alone if ${standby} were lost, and writes would wait.`,
        ];
  if (obstacle !== undefined) {
    if (lead === undefined) {
      const back = `Or start ${primary}, or repair the way to it: it leads again by itself, and nothing is lost either way.`;
      return nobody(obstacle.reason, [obstacle.says, both], [obstacle.advice, back]);
    }
    const until = `If ${primary} died now, nobody would take over, and the pair would stand still until ${primary} is back; nothing would be lost.`;
    return nobody(obstacle.reason, [obstacle.says, both, until], [obstacle.advice, ...reach]);
  }
  const unheard =
    lead === undefined ? [`The agent of ${primary} is not heard; its PostgreSQL is watched by SQL and by its stream alone.`] : [];
  return {
    takesOver: true,
    lossFree: true,
    by: standby,
    because: [both, `${standby} reaches the arbiter and may claim the lead at any moment.`, ...slowedBy(other), ...unheard],
    advice: [...(lead === undefined ? [`Start the agent of ${primary}, or repair the way to it.`] : []), ...reach],
  };
}

/** What makes a take-over by a standby that is well take longer. */
function slowedBy(standby: MemberFacts | undefined): readonly string[] {
  if (standby === undefined) return [];
  const { name, postgres, replayBehind } = standby;
  return [
    ...(postgres === 'running' ? [] : [`${name} has to start its PostgreSQL first, which comes on top of the outage.`]),
    ...(replayBehind ? [`${name} has to replay what it received first, which comes on top of the outage.`] : []),
  ];
}

interface StandbySeen {
  readonly name: MemberName;
  readonly facts: MemberFacts | undefined;
  readonly obstacle: Obstacle | undefined;
}

/** The primary of a synchronous pair is heard and does not lead: the other member has everything, and leads unless something hinders it. */
function withoutPrimary(facts: PairFacts, lead: MemberFacts, why: string, standby: StandbySeen): FailoverVerdict {
  const { name: primary } = lead;
  const { name, facts: other, obstacle } = standby;
  const has = `${name} has everything that was acknowledged`;
  const short = lacksAcknowledged(lead);
  if (obstacle === undefined) {
    const halted = `${primary} does not lead: ${why}.`;
    const after = short
      ? `Wait until ${name} leads, and do not start PostgreSQL of ${primary} by hand: ${primary} is brought into line with ${name} by itself.`
      : `Wait until ${name} leads, then look into the log of ${primary}.`;
    return {
      takesOver: true,
      lossFree: true,
      by: name,
      halted,
      because: [halted, `${has}, reaches the arbiter and takes over.`, ...slowedBy(other)],
      advice: [after],
    };
  }
  const adopt = `${typed(facts, 'adopt', ` --primary ${primary} --accept-loss`)} lets ${primary} lead, and what it lacks is lost`;
  const fails = lead.data === 'complete' && !short;
  const log = fails ? [`Look into the log of ${primary}, too: when its PostgreSQL starts, it leads again by itself.`] : [];
  if (other === undefined) {
    const only = short
      ? `Only ${name} has everything that was acknowledged, and it is not heard.`
      : `${name} is not heard. Everything that was acknowledged is on it.`;
    const last = short ? [`Only when ${name} is lost for good, and switched off: ${adopt}.`] : [];
    return nobody(obstacle.reason, only, [`Start ${name}, or repair the way to it: it takes over by itself.`, ...log, ...last]);
  }
  if (other.data !== 'complete') {
    const last = short ? [`Only when the data of ${name} is lost for good: ${adopt}.`] : [];
    return nobody(obstacle.reason, `${name} is heard and ${lacksData(other)}, so it cannot take over.`, [
      ...log,
      ...last,
      'Else only a backup helps.',
    ]);
  }
  return nobody(
    obstacle.reason,
    [`${has}.`, obstacle.says],
    [obstacle.advice, `${name} then takes over by itself, and nothing is lost.`, ...log],
  );
}

interface Obstacle {
  readonly reason: BlockedReason;
  readonly says: string;
  readonly advice: string;
}

/** What would keep the standby of a synchronous pair from taking over. It is the standby's own reach of the arbiter that counts. */
function obstacleOf(facts: PairFacts, primary: MemberName, standby: MemberName, other: MemberFacts | undefined): Obstacle | undefined {
  const because = (reason: BlockedReason, says: string, advice: string): Obstacle => ({ reason, says, advice });
  if (facts.heard.length === 0) {
    const says = `By the record ${primary} leads with ${standby}, and either of them can lead when it is back.`;
    return because('MembersUnreachable', says, `Start ${standby}, or repair the way to both.`);
  }
  if (other === undefined) {
    const says = `${standby} is not heard, so it cannot be counted on; ${primary} goes on alone as soon as it notices.`;
    return because('StandbyLost', says, `Start ${standby}, or repair the way to it.`);
  }
  if (other.data !== 'complete')
    return because('CopyingStandby', `${standby} has no proof that its copy is complete.`, `Wait until ${standby} is copied.`);
  if (facts.paused || other.paused)
    return because(
      'Paused',
      facts.pause?.says ?? 'Automatic failover is paused, by spec.paused or by a PairOperation.',
      facts.pause?.advice ?? `Set spec.paused to false, or give ${typed(facts, 'resume')}.`,
    );
  if (!other.arbiterReached)
    return because(
      'ArbiterUnreachable',
      `${standby} does not reach the arbiter, so it could not claim the lead; it would as soon as the arbiter is back.`,
      `Repair the way from ${standby} to the arbiter.`,
    );
  if (facts.diskFull.includes(standby))
    return because('DiskFull', `The disk of ${standby} is all but full, so it may end while it takes over.`, `Make room on ${standby}.`);
  if (other.stuck !== undefined)
    return because(
      'StandbyLost',
      `${standby} is heard, but ${other.stuck}, so it could not be promoted.`,
      `Look into the log of ${standby}; restart its PostgreSQL if it hangs.`,
    );
  return undefined;
}

function inWords({ mode, primary, epoch }: KnownRecord): string {
  const who = primary ?? 'nobody';
  const what = {
    new: 'that the pair was never led',
    sync: `${who} leads with its peer`,
    solo: `${who} leads alone`,
    claim: `${who} takes over`,
  };
  return `${what[mode]}, epoch ${epoch}`;
}
