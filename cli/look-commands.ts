import { clusterOptions, pairCommand, readNamed, readOperator, say } from './command-frame.ts';
import { hallctlExits } from './exit-codes.ts';
import { explainPair, explanationAsJson, explanationInWords } from './explain-report.ts';
import { aboutObject, LeaseWatch, operatorOption, operatorSilentMaxMs } from './operator-seen.ts';
import { statusAsJson, statusInWords } from './status-report.ts';

const watchEveryMs = 1_000;
const clearScreen = '\u001B[2J\u001B[H';

export const statusCommand = pairCommand({
  spec: {
    name: 'hallctl pair status',
    summary:
      'Shows a pair: its record, both members with what they do and since when, its conditions, the last take-over with its phases, and\n' +
      'what was asked of it lately. The members are shown as the operator saw them last, with how long ago that was; the record as it is now.',
    positionals: ['PAIR'],
    options: {
      ...clusterOptions,
      ...operatorOption,
      watch: { help: 'show it anew whenever it changes, until Ctrl-C; with --json one line each time', short: 'w' },
    },
    exits: { [hallctlExits.stale]: 'shown, but the operator is not there or has only just begun: it may be out of date' },
  },
  run: async (line, ports) => {
    const { clock, signal, onScreen } = ports;
    if (!line.has('watch')) {
      const found = await readOperator(line, ports);
      const seen = await readNamed(line, ports);
      const operator = aboutObject(found, seen.pair);
      say(line, ports, statusAsJson(seen, operator), statusInWords(seen, operator, clock.wallMs()));
      return operator.stale === undefined ? hallctlExits.ok : hallctlExits.stale;
    }
    let told = '';
    const watch = new LeaseWatch();
    while (!signal.aborted) {
      try {
        const found = await readOperator(line, ports, watch);
        const seen = await readNamed(line, ports);
        const operator = aboutObject(found, seen.pair);
        // How long ago the operator was seen changes always, and is no news as long as it is not too long.
        const state = JSON.stringify(statusAsJson(seen, { ...operator, agoMs: undefined, stale: operator.stale && 'stale' }));
        const words = `${onScreen ? clearScreen : ''}${statusInWords(seen, operator, clock.wallMs())}`;
        if (state !== told) say(line, ports, statusAsJson(seen, operator), words);
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
    options: { ...clusterOptions, ...operatorOption },
    exits: {
      [hallctlExits.refused]: 'nobody would take over',
      [hallctlExits.unserved]: 'nobody serves clients now, as far as can be seen, and nobody takes over',
      [hallctlExits.stale]: `not known: the operator was not seen for ${operatorSilentMaxMs / 1_000} s, or not at all, or has only just begun`,
    },
  },
  run: async (line, ports) => {
    const found = await readOperator(line, ports);
    const seen = await readNamed(line, ports);
    const operator = aboutObject(found, seen.pair);
    const explained = explainPair(seen, operator);
    say(line, ports, explanationAsJson(explained), explanationInWords(explained));
    if (operator.stale !== undefined) return hallctlExits.stale;
    if (explained.verdict.unserved !== undefined) return hallctlExits.unserved;
    return explained.verdict.takesOver ? hallctlExits.ok : hallctlExits.refused;
  },
});
