import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startChaosPair } from './chaos-pair.ts';
import type { ChaosPair } from './chaos-pair.ts';
import { lineOf } from './report.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

const storyFolder = join(import.meta.dirname, '..', '..', '.hallkeeper', 'chaos');
const asRoot = process.getuid?.() === 0;
const scenarioMaxMs = 240_000;
let pair: ChaosPair | undefined;

afterAll(async () => await pair?.[Symbol.asyncDispose]());

test('members can be put on machines of their own here: root, network namespaces and loop devices', () => {
  // Whoever is not root tries the pair without faults of network and disk (test/pair); what is to be released is tried with them.
  if (process.env['CI'] !== undefined) expect(asRoot, 'run this as root').toBe(true);
});

for (const scenario of scenarios.filter(({ everyChange }) => everyChange)) {
  test.runIf(asRoot)(
    `${scenario.name}: ${scenario.about}`,
    async () => {
      pair ??= await startChaosPair();
      const result = await runScenario(pair, scenario, storyFolder);
      if (!result.ok) {
        // Nothing that follows is to be blamed on it.
        await pair[Symbol.asyncDispose]();
        pair = undefined;
      }
      expect(result.problems, lineOf(result)).toEqual([]);
    },
    scenarioMaxMs,
  );
}
