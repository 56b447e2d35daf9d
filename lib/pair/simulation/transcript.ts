import { invariant } from '#lib/base/invariant.ts';
import { faultKinds, lifeKinds } from './fault-schedule.ts';
import type { Fault } from './fault-schedule.ts';
import { sabotages } from './sabotage.ts';
import type { Sabotage } from './sabotage.ts';
import type { Life, RunReport } from './simulate.ts';

/** A life as a transcript tells it: to be lived again, with the same rule taken away where one was. */
export interface ToldLife {
  readonly life: Life;
  readonly without: Sabotage | undefined;
}

/** A failed life for people and for living it again: what makes it, which faults it took, and what happened last. */
export function transcriptOf({ seed, kind, violation, faults, story }: RunReport, without?: Sabotage): string {
  const rule = without === undefined ? '' : `, without ${without}`;
  const head = `seed ${seed}, ${kind}${rule}: ${violation ?? 'no violation'}`;
  return [head, '', `faults (${faults.length}):`, ...faults.map(tellFault), '', 'story:', ...story, ''].join('\n');
}

function tellFault({ atMs, kind, member, lastsMs, coin }: Fault): string {
  return `  ${atMs} ${kind} at ${member}, for ${lastsMs} ms, coin ${coin}`;
}

/** Reads a transcript back. Its story is for people only. A line that cannot be read ends the program. */
export function parseTranscript(text: string): ToldLife {
  const [head = '', ...lines] = text.split('\n');
  const [, seed, kindName, ruleName] = /^seed (\d+), (\w+)(?:, without (\w+))?: /.exec(head) ?? [];
  const kind = lifeKinds.find((one) => one === kindName);
  const without = sabotages.find((one) => one === ruleName);
  invariant(
    kind !== undefined && without === ruleName,
    'a transcript begins with its seed, the kind of its life and the rule that is missing',
  );
  const from = lines.findIndex((line) => line.startsWith('faults ('));
  const to = lines.indexOf('', from);
  return { life: { seed: Number(seed), kind, faults: lines.slice(from + 1, to).map(parseFault) }, without };
}

function parseFault(line: string): Fault {
  const [, atMs, kindName, member, lastsMs, coin] = /^ {2}(\d+) (\w+) at ([ab]), for (\d+) ms, coin (\d+)$/.exec(line) ?? [];
  const kind = faultKinds.find((one) => one === kindName);
  invariant(kind !== undefined && (member === 'a' || member === 'b'), 'each fault of a transcript stands on a line of its own');
  return { atMs: Number(atMs), kind, member, lastsMs: Number(lastsMs), coin: Number(coin) };
}
