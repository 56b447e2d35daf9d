import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** Longest time until a fault is undone. */
const healMaxMs = 12_000;

/** Kinds of fault and how often each is drawn. */
const faults: readonly { readonly weight: number; readonly strike: (world: World, member: SimMember) => void }[] = [
  { weight: 3, strike: (_, member) => member.postgres.process === 'running' && member.postgresDied() },
  { weight: 3, strike: killAgent },
  { weight: 3, strike: killMember },
  { weight: 1, strike: killBoth },
  { weight: 2, strike: pauseAgent },
  { weight: 2, strike: pausePostgres },
  { weight: 2, strike: cutLinks },
  { weight: 2, strike: cutOneWay },
  { weight: 3, strike: cutArbiter },
  { weight: 2, strike: loseDisk },
  { weight: 2, strike: switchover },
  { weight: 2, strike: blindAgent },
  { weight: 2, strike: (_, member) => member.postgres.reload() },
];

const total = faults.reduce((sum, { weight }) => sum + weight, 0);

/** Strikes one fault drawn by chance at one member drawn by chance. */
export function strikeOne(world: World): void {
  const { random } = world.schedule;
  const member = world.members[random.below(2) === 0 ? 0 : 1];
  let draw = random.below(total);
  for (const { weight, strike } of faults) {
    if (draw < weight) {
      world.note(`fault ${strike.name} at ${member.name}`);
      strike(world, member);
      return;
    }
    draw -= weight;
  }
}

/** Undoes everything that does not undo itself. */
export function heal(world: World): void {
  world.arbiter.troublePercent = 0;
  world.cutAgent.clear();
  world.cutArbiter.clear();
  world.cutSql = false;
  for (const member of world.members) {
    member.postgres.stopped = false;
    member.blind = false;
    if (member.stopped) member.pauseAgent(false);
    member.startAgent();
  }
}

function later(world: World, task: () => void): void {
  world.schedule.after(world.schedule.between(10, healMaxMs), task);
}

function killAgent(world: World, member: SimMember): void {
  member.killAgent();
  later(world, () => member.startAgent());
}

function killMember(world: World, member: SimMember): void {
  member.postgres.die();
  member.killAgent();
  later(world, () => member.startAgent());
}

function killBoth(world: World): void {
  for (const member of world.members) killMember(world, member);
}

function pauseAgent(world: World, member: SimMember): void {
  if (member.state === undefined || member.stopped) return;
  member.pauseAgent(true);
  later(world, () => member.stopped && member.pauseAgent(false));
}

function pausePostgres(world: World, { postgres }: SimMember): void {
  if (postgres.process === 'down') return;
  postgres.stopped = true;
  later(world, () => {
    postgres.stopped = false;
    postgres.release();
  });
}

function blindAgent(world: World, member: SimMember): void {
  member.blind = true;
  later(world, () => {
    member.blind = false;
  });
}

function cutLinks(world: World): void {
  world.cutAgent.add('a').add('b');
  world.cutSql = true;
  later(world, () => {
    world.cutAgent.clear();
    world.cutSql = false;
  });
}

function cutOneWay(world: World, member: SimMember): void {
  world.cutAgent.add(member.name);
  if (world.schedule.chance(50)) world.cutSql = true;
  later(world, () => {
    world.cutAgent.delete(member.name);
    world.cutSql = false;
  });
}

function cutArbiter(world: World, member: SimMember): void {
  world.cutArbiter.add(member.name);
  later(world, () => world.cutArbiter.delete(member.name));
}

/** Only the disk of a member that does not lead, and never the only complete copy: the protocol promises nothing beyond that. */
function loseDisk(world: World, member: SimMember): void {
  const { record } = world.arbiter;
  const leads = record.primary === member.name || record.mode === 'claim' || record.mode === 'new';
  // A claim that is still on its way was asked for by a member that had its data: losing the disk behind it is a second fault.
  const asks = member.state === undefined || !member.state.arbiter.settled || member.state.arbiter.request?.kind === 'swap';
  if (leads || asks || !member.peer.postgres.proof) return;
  member.postgres.die();
  member.killAgent();
  const { log } = member.postgres;
  // Half of the time an older disk comes back in its place, which starts and looks well.
  const swapped = world.schedule.chance(50);
  Object.assign(member.postgres, { data: swapped ? 'full' : 'empty', proof: false, standbyData: swapped });
  member.postgres.truncate(swapped ? log.slice(0, world.schedule.between(1, log.length)) : []);
  later(world, () => member.startAgent());
}

function switchover(world: World, member: SimMember): void {
  member.send({ on: 'switchoverAsked', id: `s${world.schedule.nowMs}` });
}
