import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';

const observedMs = 2_000;
const lookEveryMs = 20;
const agedMs = 1_000;

export const killNewPrimary: Scenario = {
  name: 'kill-new-primary',
  group: 'sequences',
  about: 'The primary dies, and the new one within a second of its promotion; the old one comes back first and must wait for it.',
  changes: 1,
  act: async (stage) => {
    const { primary, standby, pair } = stage;
    await primary.member.killMember();
    const beganMs = performance.now();
    // The first write that it acknowledges says sooner than its status that it serves.
    await stage.until('the standby has taken over', async () => {
      await sleep(lookEveryMs);
      return (pair.observers[standby.name].acknowledged.at(-1)?.atMs ?? 0) > beganMs;
    });
    const ageMs = performance.now() - (pair.observers[standby.name].acknowledged.findLast(({ atMs }) => atMs > beganMs)?.atMs ?? 0);
    await standby.member.killMember();
    if (ageMs > agedMs) throw new Error(`the new primary served for ${ageMs} ms already`);
    await primary.member.startAgent();
    await stage.until('the old primary knows that it is deposed', async () => {
      const { record } = await stage.status(primary);
      return (record?.epoch ?? 0) > stage.epoch && record?.primary === standby.name;
    });
    await stage.nobodyAcknowledges(observedMs);
  },
};
