import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** One attempt is given up after this; whether it was carried out is then unknown. */
const attemptMs = 1_500;

/**
 * A client that writes one key after the other and repeats a doubtful one with the same key, and a rude one that connects to any
 * PostgreSQL that calls itself primary. A retry that finds its row writes a mark, because only a commit that writes waits.
 */
export class SimClient {
  readonly acknowledged: string[] = [];
  readonly #world: World;
  readonly #name: string;
  readonly #polite: boolean;
  #count = 0;

  constructor(world: World, name: string, polite: boolean) {
    this.#world = world;
    this.#name = name;
    this.#polite = polite;
  }

  start(): void {
    this.#next();
  }

  #next(): void {
    this.#count += 1;
    const key = `${this.#name}${this.#count}`;
    this.#world.schedule.after(this.#world.schedule.between(5, 120), () => this.#attempt(key));
  }

  #attempt(key: string): void {
    const { schedule } = this.#world;
    const again = (): void => schedule.after(schedule.between(20, 150), () => this.#attempt(key));
    const target = this.#pick();
    if (target === undefined) return again();
    let over = false;
    const end = (acknowledged: boolean): void => {
      if (over) return;
      over = true;
      if (!acknowledged) return again();
      this.acknowledged.push(key);
      this.#world.invariants.acknowledged(key, target);
      this.#next();
    };
    const { postgres } = target;
    if (postgres.trouble.crowded) return again();
    const there = postgres.holds(key);
    if (there && this.#world.broken === 'silentRetry') return end(true);
    if (postgres.trouble.full && !postgres.trouble.hangs) {
      // The log cannot be written: the server ends instead of going on without it.
      target.postgresDied();
      return end(false);
    }
    // An acknowledgement that leaves after the client hung up is heard by nobody: the key stays in doubt.
    postgres.commit(
      there ? 'again' : key,
      () => end(true),
      () => end(false),
    );
    return schedule.after(attemptMs, () => end(false));
  }

  #pick(): SimMember | undefined {
    const { schedule } = this.#world;
    const serving = this.#world.members.filter(({ postgres }) => postgres.alive && postgres.role === 'primary');
    const allowed = this.#polite ? serving.filter((member) => member.open) : serving;
    return allowed[schedule.random.below(Math.max(1, allowed.length))];
  }
}
