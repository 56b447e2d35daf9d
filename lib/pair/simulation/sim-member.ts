import type { ArbiterAnswer, MemberEffect, MemberEvent, OperationOutcome } from '../events.ts';
import { defaultLimits } from '../limits.ts';
import { startMember, unseenPostgres } from '../member-state.ts';
import type { LocalPostgres, MemberState, Operation } from '../member-state.ts';
import { heartbeatOf, isCutOff, leavesDoor, outputsOf } from '../outputs.ts';
import type { PairRecord, SeenRecord } from '../pair-record.ts';
import { lookPaceMs, lookPauseMs } from '../look-pace.ts';
import { doubtOf, nextMark, signed, trustAfter } from '../record-trust.ts';
import type { RecordTrust } from '../record-trust.ts';
import { step, tickMs } from '../step.ts';
import { SimCanaries } from './sim-canaries.ts';
import { SimDoor } from './sim-door.ts';
import { operate } from './sim-operations.ts';
import { SimPeerLink } from './sim-peer-link.ts';
import type { LinkEnd } from './sim-peer-link.ts';
import type { SimPostgres } from './sim-postgres.ts';
import type { World } from './world.ts';

/** What waits in the sockets of a stopped agent. */
const queuedMax = 200;

/** One member: the real core, with a simulated shell around it that dies and comes back. */
export class SimMember {
  readonly name: string;
  readonly peerName: string;
  readonly postgres: SimPostgres;
  state: MemberState | undefined;
  stopped = false;
  /** False: the machine is off, and not even its kernel answers. */
  powered = true;
  /** Raised at each start and end of the agent: what an older life has scheduled no longer reaches this one. */
  life = 0;
  /** What the agent read last, kept over its lives for the sabotage that starts from memory. */
  remembered: SeenRecord | undefined;
  /** The newest record that it has ever read, kept on disk: an older one is not believed, and people ask for it. */
  newest: PairRecord | undefined;
  /** By what it knows the record again, kept on disk as well. */
  trust: RecordTrust | undefined;
  /** It was told that a person holds automatic failover. */
  held = false;
  /** While it is true the server does not answer the agent's looks. */
  blind = false;
  /** The next rejoin takes the own past for a beginning of the primary's, whatever it is. */
  misjudgesPast = false;
  #last: LocalPostgres = unseenPostgres;
  /** A server with its door open that was found by a new agent: readers saw everything already. */
  #foundOpen = 0;
  readonly #world: World;
  #link: SimPeerLink | undefined;
  #door: SimDoor;
  #queued: MemberEvent[] = [];
  #marks = 0;
  #running: { readonly id: number; aborted: boolean } | undefined;

  constructor(name: string, peerName: string, postgres: SimPostgres, world: World) {
    this.name = name;
    this.peerName = peerName;
    this.postgres = postgres;
    this.#world = world;
    this.#door = new SimDoor(postgres, world.schedule, () => false);
  }

  get peer(): SimMember {
    return this.#world.member(this.peerName);
  }

  get running(): boolean {
    return this.state !== undefined && !this.stopped;
  }

  get link(): SimPeerLink {
    this.#link ??= new SimPeerLink(this.#end(), this.peer.#end(), this.#world.network, this.#world.schedule);
    return this.#link;
  }

  /** Whether clients that keep to the rules are let in and answered. */
  get open(): boolean {
    return this.postgres.doorOpen && this.postgres.alive && this.postgres.role === 'primary';
  }

  startAgent(): void {
    if (this.state !== undefined || !this.powered) return;
    this.life += 1;
    const world = this.#world;
    const { schedule } = world;
    const { life, postgres } = this;
    if (world.broken === 'memory') this.trust = undefined;
    this.held = world.paused;
    this.#last = unseenPostgres;
    this.#foundOpen = postgres.process === 'running' && postgres.doorOpen ? postgres.starts : 0;
    this.state = startMember({
      self: this.name,
      peer: this.peerName,
      founder: 'a',
      limits: defaultLimits,
      whenStandbyLost: world.block ? 'block' : 'continue',
      paused: world.paused && world.broken !== 'pause',
      nowMs: schedule.nowMs,
      postgres: this.#picture(),
    });
    this.#running = undefined;
    this.#queued = [];
    const lives = (): boolean => this.life === life;
    this.#door = new SimDoor(postgres, schedule, () => lives() && !this.stopped);
    const canaries = new SimCanaries({
      own: postgres,
      peer: this.peer.postgres,
      peerMachineOn: () => this.peer.powered,
      network: world.network,
      schedule,
      tell: (event) => void (lives() && this.send(event)),
      deaf: world.broken === 'twoPaths',
    });
    const whileRunning = (task: () => void) => (): void => void (this.stopped || task());
    this.#every(tickMs, life, () => this.send({ on: 'tick' }));
    this.#every(
      () => (this.state === undefined ? lookPaceMs.alert : lookPauseMs(this.state)),
      life,
      () => this.look(),
    );
    this.#every(
      100,
      life,
      whileRunning(() => this.#beat()),
    );
    this.#every(
      100,
      life,
      whileRunning(() => canaries.probe()),
    );
  }

  killAgent(): void {
    if (this.state === undefined) return;
    this.life += 1;
    this.state = undefined;
    this.stopped = false;
    if (this.#running !== undefined) this.#running.aborted = true;
    this.link.ownAgentDied();
    this.peer.link.peerAgentDied();
  }

  /** SIGSTOP and SIGCONT: what arrives meanwhile waits in the sockets. */
  pauseAgent(paused: boolean): void {
    if (this.state === undefined || this.stopped === paused) return;
    this.stopped = paused;
    if (paused) return;
    const waiting = this.#queued;
    this.#queued = [];
    if (this.#world.broken === 'ownPauses') this.#liveThrough();
    for (const event of waiting) this.send(event);
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
      if (event.on !== 'tick' && (!missable || this.#queued.length < queuedMax)) this.#queued.push(event);
      return;
    }
    this.#step(event, this.#world.schedule.nowMs);
  }

  #step(event: MemberEvent, nowMs: number): void {
    if (this.state === undefined) return;
    const { broken } = this.#world;
    if (event.on === 'paused') this.held = event.paused;
    if (event.on === 'paused' && broken === 'pause') return;
    const result = step(this.state, event, nowMs);
    this.state = result.state;
    if (broken === 'patience') this.state = { ...this.state, admission: { ...this.state.admission, losses: 0, notBeforeMs: 0 } };
    for (const effect of result.effects) this.#carryOut(effect);
    const access = outputsOf(this.state).access.to;
    const keeps = broken === 'selfFence' && isCutOff(this.state);
    if (!leavesDoor(this.state) && !keeps) this.#door.set(access === 'open');
    this.#world.stepped(this);
  }

  /** A sabotage: every tick of a pause is lived through afterwards, as if nothing had been missed. */
  #liveThrough(): void {
    const { nowMs } = this.#world.schedule;
    while (this.state !== undefined && this.state.lastEventMs + tickMs < nowMs) {
      this.#step({ on: 'tick' }, this.state.lastEventMs + tickMs);
    }
  }

  #carryOut(effect: MemberEffect): void {
    const world = this.#world;
    const { life } = this;
    switch (effect.do) {
      case 'read':
      case 'create':
      case 'swap':
        this.#ask(effect);
        return;
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
        world.switchovers[effect.as === 'done' ? 'done' : 'refused'] += 1;
        return;
      case 'note':
        world.note(`${this.name}: ${effect.why}`);
    }
  }

  #ask(effect: Extract<MemberEffect, { do: 'read' | 'create' | 'swap' }>): void {
    const { life, remembered } = this;
    const world = this.#world;
    const { broken, schedule } = world;
    const answered = (answer: ArbiterAnswer): void => {
      if (this.life !== life) return;
      this.send({ on: 'arbiterAnswered', id: effect.id, answer: this.#remember(answer) });
    };
    if (effect.do === 'read') {
      const blind = broken === 'startBlind' && this.state?.arbiter.seen === undefined && remembered !== undefined;
      if (blind) schedule.after(1, () => answered({ kind: 'current', seen: remembered }));
      else world.arbiter.read(world.reach(this.name, false), answered);
      return;
    }
    if (effect.do === 'create') {
      world.arbiter.create(world.reach(this.name, true), effect.record, answered);
      return;
    }
    const { expect, settles } = effect;
    const next = signed(effect.next, this.name, this.trust === undefined ? undefined : nextMark(this.trust));
    if (broken === 'startBlind' && settles) {
      schedule.after(1, () => answered({ kind: 'won', seen: expect }));
      return;
    }
    if (broken === 'casDegrade' && expect.record.mode === 'sync' && next.mode === 'solo') this.postgres.setNames('none');
    const claims = next.mode === 'claim' && expect.record.mode === 'sync';
    if (claims) world.invariants.claiming(this);
    const reach = broken === 'claim' && claims ? 'no' : world.reach(this.name, !settles);
    world.arbiter.swap(reach, expect, next, settles, answered);
  }

  /** As the shell does before the core hears of it. */
  #remember(answer: ArbiterAnswer): ArbiterAnswer {
    if (answer.kind !== 'won' && answer.kind !== 'current') return answer;
    const { record } = answer.seen;
    const doubt = this.trust === undefined ? undefined : doubtOf(this.trust, record, this.name);
    if (doubt !== undefined) return { kind: 'invalid', ...doubt };
    this.trust = trustAfter(this.trust, record, this.name, () => `${this.name}${(this.#marks += 1)}`);
    this.newest = record;
    this.remembered = answer.seen;
    return answer;
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
    if (this.state === undefined || !this.powered) return;
    const heartbeat = heartbeatOf(this.state);
    const { broken } = this.#world;
    if (broken === 'timeline' && heartbeat.role === 'standby') this.link.beat({ ...heartbeat, timeline: this.peer.postgres.timeline });
    else this.link.beat(heartbeat);
  }

  #end(): LinkEnd {
    return {
      name: this.name,
      agentLives: () => this.state !== undefined,
      agentRuns: () => this.running,
      machineOn: () => this.powered,
      send: (event) => this.send(event),
    };
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
    const { postgres } = this;
    const { broken } = this.#world;
    const told = postgres.picture(broken === 'proof');
    const picture =
      broken === 'shortLog' ? { ...told, left: told.left.map((end) => ({ ...end, lsn: BigInt(Number.MAX_SAFE_INTEGER) })) } : told;
    const seen = broken === 'recovered' || (this.#foundOpen === postgres.starts && picture.process === 'running');
    const early = broken === 'addOrder' && postgres.configured === 'peer';
    return { ...picture, ...(seen ? { recovered: 0n } : {}), ...(early ? { names: 'peer' } : {}) };
  }

  #every(period: number | (() => number), life: number, task: () => void): void {
    const periodMs = (): number => (typeof period === 'number' ? period : period());
    const again = (): void => {
      if (this.life !== life) return;
      task();
      this.#world.schedule.after(periodMs(), again);
    };
    this.#world.schedule.after(this.#world.schedule.between(1, periodMs()), again);
  }
}
