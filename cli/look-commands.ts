import { clusterOptions, pairCommand, readNamed, say } from './command-frame.ts';
import { hallctlExits } from './exit-codes.ts';
import { explainPair, explanationAsJson, explanationInWords } from './explain-report.ts';
import { statusAsJson, statusInWords } from './status-report.ts';

const watchEveryMs = 1_000;
const clearScreen = '\u001B[2J\u001B[H';

export const statusCommand = pairCommand({
  spec: {
    name: 'hallctl pair status',
    summary:
      'Shows a pair: its record, both members with what they do and since when, its conditions, the last take-over with its phases, and\n' +
      'what was asked of it lately. The members are shown as the operator saw them last, the record as it is now.',
    positionals: ['PAIR'],
    options: {
      ...clusterOptions,
      watch: { help: 'show it anew whenever it changes, until Ctrl-C; with --json one line each time', short: 'w' },
    },
  },
  run: async (line, ports) => {
    const { clock, signal, onScreen } = ports;
    if (!line.has('watch')) {
      const seen = await readNamed(line, ports);
      say(line, ports, statusAsJson(seen), statusInWords(seen, clock.wallMs()));
      return hallctlExits.ok;
    }
    let told = '';
    while (!signal.aborted) {
      try {
        const seen = await readNamed(line, ports);
        const state = JSON.stringify(statusAsJson(seen));
        if (state !== told) say(line, ports, statusAsJson(seen), `${onScreen ? clearScreen : ''}${statusInWords(seen, clock.wallMs())}`);
        told = state;
        await clock.sleep(watchEveryMs, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
    return hallctlExits.ok;
  },
});

export const explainCommand = pairCommand({
  spec: {
    name: 'hallctl pair explain',
    summary:
      'Says what the pair would do if its primary died now, and why: who would take over and how soon, or why nobody would and what a\n' +
      'person can do; and how each kind of fault would be handled in the present state. Changes nothing.',
    positionals: ['PAIR'],
    options: clusterOptions,
    exits: { [hallctlExits.refused]: 'nobody would take over' },
  },
  run: async (line, ports) => {
    const explained = explainPair(await readNamed(line, ports));
    say(line, ports, explanationAsJson(explained), explanationInWords(explained));
    return explained.verdict.takesOver ? hallctlExits.ok : hallctlExits.refused;
  },
});
