import { untilBeat } from '#lib/base/beat.ts';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import { unreachable } from '#lib/base/invariant.ts';
import type { Logger } from '#lib/base/log.ts';
import type { AskEnd, MemberEffect, MemberEvent } from '#lib/pair/events.ts';
import { startMember } from '#lib/pair/member-state.ts';
import type { LocalPostgres, MemberState } from '#lib/pair/member-state.ts';
import { lookPauseMs } from '#lib/pair/look-pace.ts';
import { outputsOf, sameOutputs } from '#lib/pair/outputs.ts';
import type { MemberOutputs } from '#lib/pair/outputs.ts';
import { step, tickMs } from '#lib/pair/step.ts';
import type { Nudge } from './nudge.ts';
import type { PostgresLane } from './postgres-lane.ts';
import type { RecordStore } from './record-store.ts';

/** Answers of the arbiter later than this count as none. */
export const requestMaxMs = 1_000;

export interface ShellPorts {
  readonly store: RecordStore;
  readonly lane: PostgresLane;
  readonly clock: Clock;
  readonly log: Logger;
  /** Rung when a path to the peer breaks, or the state calls for closer looks. */
  readonly nudge: Nudge;
  /** Called whenever what must hold outside has changed. */
  readonly act: (outputs: MemberOutputs, state: MemberState) => void;
  /** Called after every step, for metrics and stories. Must be quick and must not throw. */
  readonly observe: (state: MemberState) => void;
  readonly askEnded: (id: string, as: AskEnd, why: string) => void;
}

/** Turns what happens into events of the core, and effects of the core into calls. It decides nothing itself. */
export class MemberShell {
  readonly #ports: ShellPorts;
  readonly #signal: AbortSignal;
  #state: MemberState;
  #outputs: MemberOutputs | undefined;

  constructor(
    start: Omit<Parameters<typeof startMember>[0], 'nowMs' | 'postgres'>,
    postgres: LocalPostgres,
    ports: ShellPorts,
    signal: AbortSignal,
  ) {
    this.#ports = ports;
    this.#signal = signal;
    this.#state = startMember({ ...start, postgres, nowMs: ports.clock.nowMs() });
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Ticks, looks and hints until the signal aborts. */
  async run(): Promise<void> {
    await Promise.all([this.#every(tickMs, () => this.send({ on: 'tick' })), this.#look(), this.#hints()]);
  }

  send(event: MemberEvent): void {
    if (this.#signal.aborted) return;
    // When one path to the peer breaks, the state of the others is wanted at once.
    const broke =
      event.on === 'peerLink'
        ? event.link !== 'connected'
        : event.on === 'canary' && (event.result === 'failed' || event.result === 'refused');
    const { state, effects } = step(this.#state, event, this.#ports.clock.nowMs());
    if (broke || lookPauseMs(state) < lookPauseMs(this.#state)) this.#ports.nudge.ring();
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    this.#ports.observe(state);
    const outputs = outputsOf(state);
    if (this.#outputs !== undefined && sameOutputs(this.#outputs, outputs)) return;
    this.#outputs = outputs;
    this.#ports.act(outputs, state);
  }

  #carryOut(effect: MemberEffect): void {
    const { log, lane } = this.#ports;
    switch (effect.do) {
      case 'read':
        return void this.#ask(effect.id, () => this.#ports.store.read(this.#limit()));
      case 'create':
        log.info({}, 'asking the arbiter for the first record of the pair');
        return void this.#ask(effect.id, () => this.#ports.store.create(effect.record, this.#limit()));
      case 'swap': {
        const { mode, primary, epoch, sequence } = effect.next;
        if (!effect.settles) log.info({ mode, primary, epoch, sequence, why: effect.why }, 'asking the arbiter for a change');
        return void this.#ask(effect.id, () => this.#ports.store.swap(effect.expect, effect.next, this.#limit()));
      }
      case 'operate':
        log.info(
          { operation: effect.what.do, names: 'names' in effect.what ? effect.what.names : undefined, why: effect.why },
          'operation begins',
        );
        return void this.#operate(effect.id, effect.what);
      case 'abort':
        log.info({ why: effect.why }, 'operation is aborted');
        return lane.abort(effect.why);
      case 'killPostgres':
        log.warn({ id: effect.id }, 'PostgreSQL is killed, as a drill asks for');
        return void lane.crash();
      case 'askEnded':
        log.info({ id: effect.id, as: effect.as, why: effect.why }, 'what was asked for ended');
        return this.#ports.askEnded(effect.id, effect.as, effect.why);
      case 'note':
        return log.info({ why: effect.why }, 'noted');
      default:
        return unreachable(effect);
    }
  }

  async #ask(id: number, request: () => ReturnType<RecordStore['read']>): Promise<void> {
    const answer = await request();
    if (answer.kind === 'failed') this.#ports.log.warn({ why: answer.why, carriedOut: answer.carriedOut }, 'the arbiter did not answer');
    this.send({ on: 'arbiterAnswered', id, answer });
  }

  async #operate(id: number, what: Extract<MemberEffect, { do: 'operate' }>['what']): Promise<void> {
    const begunMs = this.#ports.clock.nowMs();
    const { outcome, postgres } = await this.#ports.lane.run(what, this.#signal).catch((error: unknown) => {
      return { outcome: { ok: false, why: messageOf(error) } as const, postgres: this.#ports.lane.last };
    });
    const tookMs = Math.round(this.#ports.clock.nowMs() - begunMs);
    if (outcome.ok) this.#ports.log.info({ operation: what.do, tookMs }, 'operation done');
    else if (!this.#signal.aborted) this.#ports.log.warn({ operation: what.do, tookMs, why: outcome.why }, 'operation failed');
    this.send({ on: 'operationEnded', id, outcome, postgres });
  }

  /** A picture taken while an operation changed things would be half of each, so it is dropped. */
  async #look(): Promise<void> {
    const { lane, clock, nudge } = this.#ports;
    while (!this.#signal.aborted) {
      const during = this.#state.operation?.id;
      const postgres = await lane.look(this.#signal).catch(() => undefined);
      if (postgres !== undefined && this.#state.operation?.id === during) this.send({ on: 'postgresSeen', postgres });
      await nudge.sleep(clock, untilBeat(clock, lookPauseMs(this.#state)), this.#signal);
    }
  }

  async #hints(): Promise<void> {
    await this.#ports.store.watch(() => this.send({ on: 'recordHinted' }), this.#signal);
  }

  async #every(ms: number, task: () => void): Promise<void> {
    while (!this.#signal.aborted) {
      task();
      await this.#ports.clock.sleep(untilBeat(this.#ports.clock, ms), this.#signal).catch(() => undefined);
    }
  }

  #limit(): AbortSignal {
    return this.#signal;
  }
}
