import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { lineOf } from './report.ts';
import { ScenarioRunner } from './scenario-runner.ts';
import { scenarios } from './scenarios.ts';

const asRoot = process.getuid?.() === 0;
const scenarioMaxMs = 240_000;
const runner = new ScenarioRunner({ storyFolder: join(import.meta.dirname, '..', '..', '.hallkeeper', 'chaos'), thenKill: false });

afterAll(async () => await runner[Symbol.asyncDispose]());

test('members can be put on machines of their own here: root, network namespaces and loop devices', () => {
  // Whoever is not root tries the pair without faults of network and disk (test/pair); what is to be released is tried with them.
  expect(asRoot || process.env['CI'] === undefined).toBe(true);
});

for (const scenario of scenarios.filter(({ everyChange }) => everyChange)) {
  test.runIf(asRoot)(
    `${scenario.name}: ${scenario.about}`,
    async () => {
      const result = await runner.run(scenario);
      expect(result.ok ? 'ok' : lineOf(result)).toBe('ok');
    },
    scenarioMaxMs,
  );
}
