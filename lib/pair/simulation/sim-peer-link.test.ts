import { expect, test } from 'vitest';
import { seededRandom } from '#lib/base/random.ts';
import type { MemberEvent } from '../events.ts';
import { heartbeatOf } from '../outputs.ts';
import { aMember } from '../testing/a-member.ts';
import { Schedule } from './schedule.ts';
import { SimNetwork } from './sim-network.ts';
import { SimPeerLink } from './sim-peer-link.ts';

const periodMs = 100;

/** The link by which `a` tells `b`, what each heard, and a switch for b's agent. */
function linkOf(): {
  readonly network: SimNetwork;
  readonly link: SimPeerLink;
  readonly heard: { readonly a: string[]; readonly b: number[] };
  readonly peer: { lives: boolean };
  readonly beat: (count: number) => void;
} {
  const schedule = new Schedule(seededRandom(5));
  const network = new SimNetwork(schedule);
  const heard = { a: [] as string[], b: [] as number[] };
  const peer = { lives: true };
  const own = {
    name: 'a',
    agentLives: () => true,
    agentRuns: () => true,
    machineOn: () => true,
    send: (event: MemberEvent) => void (event.on === 'peerLink' && heard.a.push(event.link)),
  };
  const other = {
    name: 'b',
    agentLives: () => peer.lives,
    agentRuns: () => peer.lives,
    machineOn: () => true,
    send: (event: MemberEvent) => void (event.on === 'heartbeat' && heard.b.push(event.heartbeat.localCanaryAgeMs)),
  };
  const link = new SimPeerLink(own, other, network, schedule);
  const heartbeat = heartbeatOf(aMember());
  let told = 0;
  const beat = (count: number): void => {
    for (let done = 0; done < count; done += 1) {
      link.beat({ ...heartbeat, localCanaryAgeMs: told });
      told += 1;
      const until = schedule.nowMs + periodMs;
      while (schedule.runNext(until));
      schedule.nowMs = until;
    }
  };
  return { network, link, heard, peer, beat };
}

test('heartbeats arrive in order, and what a short cut has kept arrives when it is over', () => {
  const { network, heard, beat } = linkOf();
  beat(3);
  const loss = network.lose('agent', 'a');
  beat(3);
  expect(heard.b).toEqual([0, 1, 2]);
  network.mend([loss]);
  beat(1);
  expect(heard.b.toSorted((one, other) => one - other)).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test('without answers the connection is given up after a second, although what is sent still arrives', () => {
  const { network, heard, beat } = linkOf();
  beat(1);
  network.lose('agent', 'b');
  beat(15);
  expect(heard.a).toEqual(['ended']);
  expect(heard.b.length).toBeLessThan(13);
});

test('the end of the peer is heard at once, and whoever dials it then is refused', () => {
  const { link, heard, peer, beat } = linkOf();
  beat(1);
  peer.lives = false;
  link.peerAgentDied();
  beat(2);
  expect(heard.a).toEqual(['ended', 'refused', 'refused']);
});

test('across reconnects heartbeats may arrive late, out of turn and twice', () => {
  const { network, link, heard, beat } = linkOf();
  beat(1);
  link.jumbles = true;
  const loss = network.lose('agent', 'a');
  beat(12);
  network.mend([loss]);
  beat(20);
  expect(heard.b).not.toEqual(heard.b.toSorted((one, other) => one - other));
  expect(new Set(heard.b).size).toBeLessThan(heard.b.length);
});
