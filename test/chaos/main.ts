import { writeFile } from 'node:fs/promises';
import { commandErrors, exitCodes } from '#lib/base/command.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { jsonOf, lineOf, tableOf } from './report.ts';
import { machineInWords, reportPage } from './report-file.ts';
import type { ScenarioResult } from './run-scenario.ts';
import { ScenarioRunner } from './scenario-runner.ts';
import { scenarioGroups } from './scenario.ts';
import { scenarios } from './scenarios.ts';

const timesMax = 1_000;

await runCommand(
  {
    name: 'npm run chaos --',
    summary:
      'Hurts a real pair on machines of its own (network namespaces and disks; root is needed) in every way that is listed, and checks that ' +
      'nothing acknowledged is lost, that nobody acknowledges beside the leader, that the leader changes when and only when it must, and ' +
      'that the pair is in step again without a person.\n\nWith NAME runs that one alone.',
    optionalPositionals: ['NAME'],
    options: {
      group: { value: 'GROUP', help: 'only the scenarios of this group', oneOf: scenarioGroups },
      times: { value: 'N', help: 'how often each scenario runs', fallback: '1' },
      'then-kill': {
        help: 'in the state in which each scenario leaves the pair, kill whoever leads too, and hold what explain foretold against what happens',
      },
      list: { help: 'say which scenarios there are, and run none' },
      stories: { value: 'DIR', help: 'folder for the logs of a scenario that failed', fallback: '.hallkeeper/chaos' },
      report: { value: 'FILE', help: 'write the results as a page in Markdown, with date and machine' },
      json: { help: 'print the results as one JSON object and nothing else on standard output' },
    },
  },
  async (line) => {
    const [name] = line.positionals;
    const group = line.text('group');
    const chosen = scenarios.filter((each) => (name === undefined || each.name === name) && (group === undefined || each.group === group));
    if (chosen.length === 0) throw commandErrors.HK_USAGE(`there is no scenario "${name ?? group ?? ''}"; --list says which there are`);
    if (line.has('list')) {
      process.stdout.write(`${chosen.map((each) => `${each.name} (${each.group}): ${each.about}`).join('\n')}\n`);
      return exitCodes.ok;
    }
    const times = Number(line.text('times'));
    if (!Number.isSafeInteger(times) || times < 1 || times > timesMax) {
      throw commandErrors.HK_USAGE(`--times must be a whole number from 1 to ${timesMax}`);
    }
    const storyFolder = line.text('stories') ?? '';
    await using runner = new ScenarioRunner({ storyFolder, thenKill: line.has('then-kill') });
    const results: ScenarioResult[] = [];
    for (let time = 0; time < times; time += 1) {
      for (const scenario of chosen) {
        const result = await runner.run(scenario);
        results.push(result);
        process.stderr.write(`${lineOf(result)}\n`);
      }
    }
    const report = line.text('report');
    if (report !== undefined) {
      const about = { date: new Date().toISOString().slice(0, 10), machine: await machineInWords(), times };
      await writeFile(report, reportPage(scenarios, results, about));
    }
    process.stdout.write(line.has('json') ? `${jsonOf(results)}\n` : `${tableOf(results)}\n`);
    return results.every(({ ok }) => ok) ? exitCodes.ok : exitCodes.failed;
  },
);
