import type { FailoverVerdict, PairFacts } from './explain.ts';
import { newestRecord } from './explain.ts';
import type { PairLimits } from './limits.ts';
import type { MemberFacts } from './member-facts.ts';

/** What can go wrong, as people tell it. */
export const faultKinds = ['crash', 'hang', 'cut', 'standbyLost', 'arbiterAway'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultStory {
  readonly fault: FaultKind;
  /** What the pair would do in its present state. */
  readonly says: string;
  /** Without an acknowledged write, in milliseconds. Absent: until a person or the lost part is back, or not at all. */
  readonly outageMs?: number;
}

export interface Timing {
  readonly limits: Pick<PairLimits, 'periodMs' | 'suspectAfterMs' | 'degradeAfterMs' | 'canaryStaleAfterMs' | 'restartAfterMs'>;
  /** From the verdict until commits are acknowledged, as it was measured last; undefined before the first take-over. */
  readonly measuredMs: number | undefined;
}

/** What the phases after the detection take by the budget of the protocol, where nothing was measured yet. */
export const takeoverBudgetMs = 300;

interface Scene {
  readonly lead: string;
  readonly other: string;
  readonly primary: MemberFacts | undefined;
  readonly standby: MemberFacts | undefined;
  readonly blocks: boolean;
}

/** How the pair would handle each fault in its present state; empty while it was never led, and while nobody is there who could fail. */
export function faultStories(facts: PairFacts, verdict: FailoverVerdict, timing: Timing): readonly FaultStory[] {
  const record = newestRecord(facts);
  if (record?.primary === undefined || verdict.unserved !== undefined) return [];
  const other = facts.members.find((name) => name !== record.primary) ?? '';
  const primary = facts.heard.find(({ name }) => name === record.primary);
  const standby = facts.heard.find(({ name }) => name === other);
  const blocks = (primary ?? standby)?.whenStandbyLost === 'block';
  const scene: Scene = { lead: record.primary, other, primary, standby, blocks };
  if (verdict.blockedBy === 'RecordLost') return whileLost(scene);
  if (record.mode === 'claim') return whileClaimed(scene);
  if (record.mode === 'solo') return whileAlone(scene, timing);
  return verdict.takesOver ? whileReady(scene, timing) : whileBlocked(scene, timing);
}

function whileReady(scene: Scene, { limits, measuredMs = takeoverBudgetMs }: Timing): readonly FaultStory[] {
  const { lead, other } = scene;
  const { periodMs, suspectAfterMs, canaryStaleAfterMs } = limits;
  const silentMs = suspectAfterMs + periodMs + measuredMs;
  const parted =
    scene.primary?.arbiterReached === false
      ? `${other} takes over also when only the line between the members is cut, because ${lead} does not reach the arbiter`
      : `when only the line between the members is cut, ${lead} goes on alone`;
  return [
    {
      fault: 'crash',
      says: `${other} takes over as soon as the end of ${lead} is told or its connections are refused.`,
      outageMs: periodMs + measuredMs,
    },
    {
      fault: 'hang',
      says: `${other} takes over once ${lead} has been silent for ${suspectAfterMs} ms, or its disk has hung for ${canaryStaleAfterMs} ms.`,
      outageMs: Math.max(silentMs, canaryStaleAfterMs + periodMs + measuredMs),
    },
    {
      fault: 'cut',
      says: `${other} takes over once ${lead} has been silent for ${suspectAfterMs} ms; ${lead} acknowledges nothing meanwhile; ${parted}.`,
      outageMs: silentMs,
    },
    standbyLost(scene, limits),
    arbiterAway(scene),
  ];
}

function whileBlocked(scene: Scene, { limits }: Timing): readonly FaultStory[] {
  const { lead } = scene;
  const still = `nobody takes over, and the pair stands still until ${lead} is back`;
  return [
    restarted(scene, limits, still),
    { fault: 'hang', says: `While ${lead} hangs ${still}.` },
    { fault: 'cut', says: `While ${lead} is cut off ${still}.` },
    standbyLost(scene, limits),
    arbiterAway(scene),
  ];
}

function whileAlone(scene: Scene, { limits }: Timing): readonly FaultStory[] {
  const { lead, other } = scene;
  const still = `nobody takes over, and the pair stands still until ${lead} is back`;
  return [
    restarted(scene, limits, still),
    { fault: 'hang', says: `While ${lead} hangs ${still}.` },
    { fault: 'cut', says: `${lead} goes on serving whoever still reaches it; nobody takes over.` },
    {
      fault: 'standbyLost',
      says: scene.blocks ? `Writes wait for ${other} as they do now.` : `${lead} does not wait for ${other} and goes on.`,
    },
    { fault: 'arbiterAway', says: `${lead} serves on; ${other} is waited for again only when the arbiter is back.` },
  ];
}

function whileClaimed({ lead, other }: Scene): readonly FaultStory[] {
  return [
    {
      fault: 'crash',
      says: `If ${lead} fails before it has opened, ${other} takes the claim back after five seconds, when it lives and reaches the arbiter.`,
    },
    { fault: 'hang', says: `The same as for a crash: a claim that makes no progress is taken back.` },
    { fault: 'cut', says: `If ${lead} does not reach the arbiter it cannot open, and writes wait until it does or ${other} takes back.` },
    { fault: 'standbyLost', says: `${lead} needs nothing of ${other} to finish.` },
    { fault: 'arbiterAway', says: `Writes wait until the arbiter is back: opening is recorded first.` },
  ];
}

function whileLost({ lead, other, primary }: Scene): readonly FaultStory[] {
  const frozen = 'roles are frozen, so nobody takes over and no PostgreSQL is started again';
  const waits = primary === undefined || primary.waitsFor === 'peer';
  return [
    { fault: 'crash', says: `The pair stands still: ${frozen}.` },
    { fault: 'hang', says: `The pair stands still until ${lead} goes on: ${frozen}.` },
    {
      fault: 'cut',
      says: `${lead} acknowledges nothing that ${other} does not get${waits ? '' : ', except that it waits for nobody now'}.`,
    },
    { fault: 'standbyLost', says: waits ? `Writes wait until ${other} is back: nothing is loosened.` : `${lead} goes on as it does.` },
    { fault: 'arbiterAway', says: 'Nothing changes: it is not asked for anything but the lost record.' },
  ];
}

function restarted({ lead }: Scene, { restartAfterMs }: Timing['limits'], still: string): FaultStory {
  const again = `PostgreSQL that ends alone is started again by the agent of ${lead} after ${restartAfterMs} ms`;
  return { fault: 'crash', says: `${again}; if the machine fails, ${still}.` };
}

function standbyLost({ lead, other, primary, blocks }: Scene, { degradeAfterMs, periodMs }: Timing['limits']): FaultStory {
  const fault = 'standbyLost';
  if (blocks) return { fault, says: `Writes wait until ${other} is back, by choice (whenStandbyLost: Block).` };
  if (primary === undefined || !primary.arbiterReached) {
    const why = primary === undefined ? `the agent of ${lead} is not heard` : `${lead} does not reach the arbiter`;
    return { fault, says: `Writes wait until ${other} is back, because ${why} and so it may not go on alone.` };
  }
  return { fault, says: `${lead} goes on alone after ${degradeAfterMs} ms.`, outageMs: degradeAfterMs + 2 * periodMs };
}

function arbiterAway({ lead, other, blocks }: Scene): FaultStory {
  const meanwhile = blocks ? '' : `, and if ${other} is lost meanwhile, writes wait`;
  return { fault: 'arbiterAway', says: `${lead} serves on; nobody could take over until the arbiter is back${meanwhile}.` };
}
