import type { ArbiterAnswer, MemberEffect, MemberEvent, OperationOutcome } from '../events.ts';
import { defaultLimits } from '../limits.ts';
import { startMember, unseenPostgres } from '../member-state.ts';
import type { Heartbeat, LocalPostgres, MemberState, Operation } from '../member-state.ts';
import { heartbeatOf, outputsOf } from '../outputs.ts';
import type { SeenRecord } from '../pair-record.ts';
import { step, tickMs } from '../step.ts';
import { operate } from './sim-operations.ts';
import type { SimPostgres } from './sim-postgres.ts';
import type { World } from './world.ts';

/** One member: the real core, with a simulated shell around it that dies and comes back. */
export class SimMember {
  readonly name: string;
  readonly peerName: string;
  readonly postgres: SimPostgres;
  state: MemberState | undefined;
  stopped = false;
  /** Raised at each start and end of the agent: what an older life has scheduled no longer reaches this one. */
  life = 0;
  linkUp = false;
  /** What the agent read last, kept for the sabotage that starts from memory. */
  remembered: SeenRecord | undefined;
  /** While it is true the server does not answer the agent's looks. */
  blind = false;
  #last: LocalPostgres = unseenPostgres;
  readonly #world: World;
  #queued: MemberEvent[] = [];
  #syncUnderWay = false;
  #running: { readonly id: number; aborted: boolean } | undefined;

  constructor(name: string, peerName: string, postgres: SimPostgres, world: World) {
    this.name = name;
    this.peerName = peerName;
    this.postgres = postgres;
    this.#world = world;
  }

  get peer(): SimMember {
    return this.#world.member(this.peerName);
  }

  get running(): boolean {
    return this.state !== undefined && !this.stopped;
  }

  startAgent(): void {
    if (this.state !== undefined) return;
    this.life += 1;
    const { schedule } = this.#world;
    this.#last = unseenPostgres;
    this.state = startMember({
      self: this.name,
      peer: this.peerName,
      founder: 'a',
      limits: defaultLimits,
      whenStandbyLost: this.#world.block ? 'block' : 'continue',
      paused: false,
      nowMs: schedule.nowMs,
      postgres: this.#picture(),
    });
    this.#running = undefined;
    this.#syncUnderWay = false;
    this.#queued = [];
    const { life } = this;
    this.#every(tickMs, life, () => this.send({ on: 'tick' }));
    this.#every(50, life, () => this.look());
    this.#every(100, life, () => this.#beat());
    this.#every(100, life, () => this.#canaries());
  }

  killAgent(): void {
    this.life += 1;
    this.state = undefined;
    this.stopped = false;
    this.linkUp = false;
    if (this.#running !== undefined) this.#running.aborted = true;
    this.peer.peerGone(this.postgres.process === 'down' ? 'refused' : 'ended');
  }

  /** SIGSTOP and SIGCONT: what arrives meanwhile waits in the sockets. */
  pauseAgent(paused: boolean): void {
    this.stopped = paused;
    if (paused || this.state === undefined) return;
    const waiting = this.#queued;
    this.#queued = [];
    for (const event of waiting) this.send(event);
  }

  peerGone(link: 'ended' | 'refused'): void {
    if (!this.linkUp && link === 'ended') return;
    this.linkUp = false;
    this.send({ on: 'peerLink', link });
  }

  postgresDied(): void {
    this.postgres.die();
    this.#last = this.#fresh();
    this.send({ on: 'postgresDied', postgres: this.#last });
  }

  look(): void {
    this.send({ on: 'postgresSeen', postgres: this.#picture() });
  }

  send(event: MemberEvent): void {
    if (this.state === undefined) return;
    if (this.stopped) {
      // A socket's buffer is bounded, the process table is not: pictures and heartbeats may be missed, an answer may not.
      const missable = event.on === 'heartbeat' || event.on === 'postgresSeen';
      if (event.on !== 'tick' && (!missable || this.#queued.length < 200)) this.#queued.push(event);
      return;
    }
    const result = step(this.state, event, this.#world.schedule.nowMs);
    this.state = result.state;
    for (const effect of result.effects) this.#carryOut(effect);
    this.#world.stepped(this);
  }

  /** Whether clients that keep to the rules are let in. */
  get open(): boolean {
    return this.state !== undefined && outputsOf(this.state).access.to === 'open';
  }

  #carryOut(effect: MemberEffect): void {
    const { life } = this;
    const world = this.#world;
    const answered = (id: number) => (answer: ArbiterAnswer) => {
      if (this.life !== life) return;
      if (answer.kind === 'won' || answer.kind === 'current') this.remembered = answer.seen;
      this.send({ on: 'arbiterAnswered', id, answer });
    };
    switch (effect.do) {
      case 'read': {
        const { remembered } = this;
        const blind = world.broken === 'startBlind' && this.state?.arbiter.seen === undefined && remembered !== undefined;
        if (blind) world.schedule.after(1, () => answered(effect.id)({ kind: 'current', seen: remembered }));
        else world.arbiter.read(world.reachesArbiter(this.name), answered(effect.id));
        return;
      }
      case 'create':
        world.arbiter.create(world.reachesArbiter(this.name), effect.record, answered(effect.id));
        return;
      case 'swap': {
        const blind = world.broken === 'startBlind' && effect.settles;
        if (blind) {
          world.schedule.after(1, () => answered(effect.id)({ kind: 'won', seen: effect.expect }));
          return;
        }
        if (world.broken === 'casDegrade' && effect.expect.record.mode === 'sync' && effect.next.mode === 'solo')
          this.postgres.setNames('none');
        world.arbiter.swap(world.reachesArbiter(this.name), effect.expect, effect.next, effect.settles, answered(effect.id));
        return;
      }
      case 'operate':
        this.#operate(effect.id, effect.what);
        return;
      case 'abort':
        if (this.#running?.id === effect.id) this.#running.aborted = true;
        return;
      case 'killPostgres':
        world.schedule.after(1, () => this.life === life && this.postgres.process === 'running' && this.postgresDied());
        return;
      case 'askEnded':
        world.switchovers[effect.ok ? 'done' : 'refused'] += 1;
        return;
      case 'note':
        world.note(`${this.name}: ${effect.why}`);
    }
  }

  #operate(id: number, what: Operation): void {
    const running = { id, aborted: false };
    this.#running = running;
    const { life } = this;
    this.#world.note(`${this.name} ${what.do}${'names' in what ? ` ${what.names}` : ''}`);
    operate(
      { world: this.#world, member: this, what, alive: () => this.life === life && !running.aborted },
      (outcome: OperationOutcome) => {
        if (this.life !== life) return;
        // The look after it may fail like any other.
        const postgres = this.#world.schedule.chance(30) ? this.#last : this.#picture();
        this.send({ on: 'operationEnded', id, outcome, postgres });
      },
    );
  }

  #beat(): void {
    if (this.state === undefined) return;
    const heartbeat: Heartbeat = heartbeatOf(this.state);
    const { schedule } = this.#world;
    const { peer } = this;
    if (!this.#world.linked(this.name)) {
      if (!this.#world.linked(this.peerName)) this.linkUp = false;
      return;
    }
    schedule.after(schedule.between(0, 8), () => {
      if (peer.state === undefined) {
        this.peerGone(peer.postgres.process === 'down' ? 'refused' : 'ended');
        return;
      }
      peer.linkUp = true;
      peer.send({ on: 'heartbeat', heartbeat });
    });
  }

  #canaries(): void {
    const { schedule } = this.#world;
    const { postgres, life } = this;
    const tell = (event: MemberEvent): void => {
      if (this.life === life) this.send(event);
    };
    if (postgres.process === 'running' && postgres.role === 'primary') {
      tell({ on: 'canary', which: 'local', result: 'started' });
      if (postgres.alive) schedule.after(2, () => tell({ on: 'canary', which: 'local', result: 'ok' }));
      if (postgres.alive && !this.#syncUnderWay) {
        this.#syncUnderWay = true;
        tell({ on: 'canary', which: 'sync', result: 'started' });
        const over = (result: 'ok' | 'refused'): void => {
          if (this.life === life) this.#syncUnderWay = false;
          tell({ on: 'canary', which: 'sync', result });
        };
        postgres.commit(
          'canary',
          () => over('ok'),
          () => over('refused'),
        );
      }
      return;
    }
    const target = this.peer.postgres;
    if (!this.#world.sqlLinked()) return;
    tell({ on: 'canary', which: 'remote', result: 'started' });
    if (target.process === 'down') schedule.after(2, () => tell({ on: 'canary', which: 'remote', result: 'refused' }));
    else if (target.alive && target.role === 'primary') schedule.after(3, () => tell({ on: 'canary', which: 'remote', result: 'ok' }));
  }

  /** As the agent sees it: a server that does not answer is as it was seen last, and unknown when it was not seen yet. */
  #picture(): LocalPostgres {
    const { postgres } = this;
    if (postgres.process === 'running' && (!postgres.alive || this.blind)) {
      const { role, upstream } = postgres;
      if (this.#last.process === 'down') this.#last = { ...this.#last, process: 'running', role, upstream, names: 'unknown' };
    } else this.#last = this.#fresh();
    return this.#last;
  }

  #fresh(): LocalPostgres {
    return this.postgres.picture(this.#world.broken === 'proof');
  }

  #every(periodMs: number, life: number, task: () => void): void {
    const again = (): void => {
      if (this.life !== life) return;
      task();
      this.#world.schedule.after(periodMs, again);
    };
    this.#world.schedule.after(this.#world.schedule.between(1, periodMs), again);
  }
}
