import type { Schedule } from './schedule.ts';
import type { SimPostgres } from './sim-postgres.ts';

const againMs = 200;

/** The shell's hand on who may connect: what was wanted last, tried again until the server has it. One for each life of an agent. */
export class SimDoor {
  readonly #postgres: SimPostgres;
  readonly #schedule: Schedule;
  readonly #lives: () => boolean;
  #wanted: boolean | undefined;
  #moving = false;

  constructor(postgres: SimPostgres, schedule: Schedule, lives: () => boolean) {
    this.#postgres = postgres;
    this.#schedule = schedule;
    this.#lives = lives;
  }

  set(open: boolean): void {
    this.#wanted = open;
    if (this.#moving || this.#postgres.doorOpen === open) return;
    this.#moving = true;
    this.#schedule.after(this.#schedule.between(1, 20), () => this.#move());
  }

  #move(): void {
    this.#moving = false;
    const postgres = this.#postgres;
    // A server that is down is always started with a closed door.
    if (!this.#lives() || this.#wanted === undefined || postgres.doorOpen === this.#wanted || postgres.process === 'down') return;
    if (postgres.alive) {
      postgres.doorOpen = this.#wanted;
      return;
    }
    this.#moving = true;
    this.#schedule.after(againMs, () => this.#move());
  }
}
