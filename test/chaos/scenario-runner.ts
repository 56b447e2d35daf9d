import { startChaosPair } from './chaos-pair.ts';
import type { ChaosPair } from './chaos-pair.ts';
import { runScenario } from './run-scenario.ts';
import type { ScenarioChoice, ScenarioResult } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';

/**
 * Runs scenarios one after the other on one pair, which must be in step again after each. After one that failed the next begins with a
 * new pair: nothing that follows is to be blamed on it. So does one that wants another arbiter.
 */
export class ScenarioRunner implements AsyncDisposable {
  readonly #choice: ScenarioChoice;
  #pair: ChaosPair | undefined;

  constructor(choice: ScenarioChoice) {
    this.#choice = choice;
  }

  async run(scenario: Scenario): Promise<ScenarioResult> {
    const { arbiter = 'kubernetes' } = scenario;
    if (this.#pair?.arbiter !== arbiter) await this.#end();
    this.#pair ??= await startChaosPair(arbiter);
    for (const each of Object.values(this.#pair.localObservers)) each.start();
    const result = await runScenario(this.#pair, scenario, this.#choice);
    if (!result.ok) await this.#end();
    return result;
  }

  async #end(): Promise<void> {
    const pair = this.#pair;
    this.#pair = undefined;
    await pair?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}
