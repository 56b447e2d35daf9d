import { expect, test } from 'vitest';
import { World } from './world.ts';

/** An agent that stood still finds in its socket what the other member said meanwhile; the last word counts, not the worst. */
for (const seed of [2, 4, 8]) {
  for (const what of ['a death that is long over', 'a handing over that was given up, of a pair that is paused'] as const) {
    test(`${what} deposes nobody (seed ${seed})`, () => {
      const world = new World(seed, 'storm');
      world.start();
      const pass = (ms: number): void => {
        const until = world.schedule.nowMs + ms;
        while (world.schedule.runNext(until));
      };
      pass(30_000);
      expect(world.invariants.unsettled()).toEqual([]);
      const leader = world.member(world.truth.primary ?? '');
      const standby = leader.peer;
      if (what.startsWith('a death')) {
        standby.pauseAgent(true);
        world.schedule.after(500, () => leader.postgresDied());
      } else {
        leader.send({ on: 'switchoverAsked', id: 's1' });
        world.schedule.after(30, () => standby.pauseAgent(true));
      }
      pass(9_000);
      // How long a member listens for its peer before it starts its server again is drawn by the world.
      for (let round = 0; round < 20 && !leader.open; round += 1) pass(1_000);
      expect([leader.open, world.truth.primary]).toEqual([true, leader.name]);
      if (what.includes('paused')) {
        standby.send({ on: 'paused', paused: true });
        world.paused = true;
      }
      standby.pauseAgent(false);
      pass(3_000);
      expect([world.failovers, leader.open, world.violation]).toEqual([0, true, undefined]);
    });
  }
}
