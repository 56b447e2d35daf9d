import { startChaosPair } from './chaos-pair.ts';
import type { ChaosPair } from './chaos-pair.ts';
import { runScenario } from './run-scenario.ts';
import type { ScenarioResult } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';

export interface RunOptions {
  /** How often each scenario runs. */
  readonly times: number;
  /** Where the story of a scenario that failed is kept. */
  readonly storyFolder: string;
  /** Hears of each result as soon as it is there. */
  readonly done: (result: ScenarioResult) => void;
}

/**
 * Runs scenarios one after the other on one pair, which must be in step again after each. After one that failed the next begins with a
 * new pair: nothing that follows is to be blamed on it. So does one that wants another arbiter.
 */
export async function runScenarios(
  list: readonly Scenario[],
  { times, storyFolder, done }: RunOptions,
): Promise<readonly ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  let pair: ChaosPair | undefined;
  try {
    for (let time = 0; time < times; time += 1) {
      for (const scenario of list) {
        const { arbiter = 'kubernetes' } = scenario;
        if (pair?.arbiter !== arbiter) {
          await pair?.[Symbol.asyncDispose]();
          pair = undefined;
          pair = await startChaosPair(arbiter);
        }
        const result = await runScenario(pair, scenario, storyFolder);
        results.push(result);
        done(result);
        if (result.ok) continue;
        await pair[Symbol.asyncDispose]();
        pair = undefined;
      }
    }
  } finally {
    await pair?.[Symbol.asyncDispose]();
  }
  return results;
}
