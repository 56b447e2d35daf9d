import type { CommandLine } from '#lib/base/command.ts';
import { clusterOptions, pairCommand, readNamed, say } from './command-frame.ts';
import type { CommandPorts } from './command-frame.ts';
import { hallctlExits } from './exit-codes.ts';
import { createOperation, endAsJson, endInWords, followOperation } from './operate.ts';
import type { OperationEnd, OperationWish } from './operate.ts';

const exits = {
  [hallctlExits.refused]: 'refused, or given up on the way',
  [hallctlExits.expired]: 'not begun within 15 minutes',
  [hallctlExits.left]: 'not waited for to its end (Ctrl-C): it goes on',
} as const;

const operationOptions = {
  ...clusterOptions,
  reason: { help: 'why, for the audit log', value: 'TEXT' },
} as const;

export const switchoverCommand = pairCommand({
  spec: {
    name: 'hallctl pair switchover',
    summary:
      'Makes the other member the primary, planned: nothing is lost, and writes pause for less than a second. Only in mode Sync. It creates\n' +
      'a PairOperation, which the operator carries out, and follows it. Ctrl-C stops following; the switchover goes on.',
    positionals: ['PAIR'],
    options: { ...operationOptions, to: { help: 'the member that shall lead; absent: the standby', value: 'MEMBER' } },
    exits,
  },
  run: (line, ports) => {
    const reason = line.text('reason') ?? 'asked for with hallctl pair switchover';
    return operate({ type: 'Switchover', to: line.text('to'), reason }, line, ports);
  },
});

export const drillCommand = pairCommand({
  spec: {
    name: 'hallctl pair drill',
    summary:
      'Proves the failover: a switchover, or the primary is really killed and the standby must take over by itself. The report shows how\n' +
      'long no write was acknowledged. Refused by the operator unless a failover would lose nothing. It creates a PairOperation and follows\n' +
      'it. Ctrl-C stops following; the drill goes on.',
    positionals: ['PAIR'],
    options: {
      ...operationOptions,
      kind: { help: 'switchover or kill-primary', value: 'KIND', oneOf: ['switchover', 'kill-primary'], required: true },
    },
    exits,
  },
  run: (line, ports) => {
    const type = line.text('kind') === 'switchover' ? 'Switchover' : 'KillPrimary';
    return operate({ type, to: undefined, reason: line.text('reason') ?? 'drill, asked for with hallctl pair drill' }, line, ports);
  },
});

async function operate(wish: OperationWish, line: Pick<CommandLine<'json'>, 'has' | 'positionals'>, ports: CommandPorts): Promise<number> {
  const seen = await readNamed(line, ports);
  const created = await createOperation(seen, wish, ports, ports.signal);
  ports.progress(`${created.metadata.name} is created; it must begin by ${created.spec.notAfter}`);
  const end = await followOperation(created, ports, ports.signal);
  say(line, ports, endAsJson(end), endInWords(end));
  return exitOf(end);
}

function exitOf({ state, leftBecause }: OperationEnd): number {
  if (leftBecause !== undefined) return hallctlExits.left;
  if (state === 'Done') return hallctlExits.ok;
  return state === 'Expired' ? hallctlExits.expired : hallctlExits.refused;
}
