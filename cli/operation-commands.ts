import type { CommandLine } from '#lib/base/command.ts';
import { callerName } from './caller.ts';
import { clusterOptions, pairCommand, readNamed, say } from './command-frame.ts';
import type { CommandPorts } from './command-frame.ts';
import { hallctlExits } from './exit-codes.ts';
import { whyUnconfirmed } from './confirm.ts';
import { destroyedBy, isUnpaused } from './decide-operation.ts';
import type { OperationWish } from './decide-operation.ts';
import { createOperation, endAsJson, endInWords, followOperation, operationErrors, refuseImpossible } from './operate.ts';
import type { OperationEnd } from './operate.ts';
import type { PairSeen } from './pair-seen.ts';

const exits = {
  [hallctlExits.refused]: 'refused, or given up on the way',
  [hallctlExits.expired]: 'not begun within 15 minutes',
  [hallctlExits.left]: 'not waited for to its end (Ctrl-C): it goes on, or expires if it has not begun in time',
} as const;

const operationOptions = {
  ...clusterOptions,
  reason: { help: 'why, for the audit log', value: 'TEXT' },
} as const;

export const switchoverCommand = pairCommand({
  spec: {
    name: 'hallctl pair switchover',
    summary:
      'Makes the other member the primary, planned: nothing is lost, and writes pause for about half a second, longer on overloaded processors.\n' +
      'Only in mode Sync. It creates a PairOperation, which the operator carries out, and follows it. Ctrl-C stops following; the switchover goes on.',
    positionals: ['PAIR'],
    options: { ...operationOptions, to: { help: 'the member that shall lead; absent: the standby', value: 'MEMBER' } },
    exits,
  },
  run: (line, ports) => {
    const reason = line.text('reason') ?? 'asked for with hallctl pair switchover';
    return operate({ type: 'Switchover', member: line.text('to'), reason }, line, ports);
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
    return operate({ type, member: undefined, reason: line.text('reason') ?? 'drill, asked for with hallctl pair drill' }, line, ports);
  },
});

export const pauseCommand = pairCommand({
  spec: {
    name: 'hallctl pair pause',
    summary:
      'Takes care that nobody takes over: no failover and no switchover until hallctl pair resume. For work during which the pair must not\n' +
      'change its leader. If the primary fails meanwhile, the hall stands still. It creates a PairOperation and waits until both members have\n' +
      'confirmed. Ctrl-C stops following; a pause that has begun stands, and one that has not begun within 15 minutes expires.',
    positionals: ['PAIR'],
    options: operationOptions,
    exits,
  },
  run: (line, ports) =>
    operate({ type: 'Pause', member: undefined, reason: line.text('reason') ?? 'asked for with hallctl pair pause' }, line, ports),
});

export const resumeCommand = pairCommand({
  spec: {
    name: 'hallctl pair resume',
    summary:
      'Ends a pause: the standby may take over again. A pair that is not paused is left as it is. Refused while spec.paused is true. It\n' +
      'creates a PairOperation and waits until both members have confirmed. Ctrl-C stops following; a resume that has begun stands, and one\n' +
      'that has not begun within 15 minutes expires.',
    positionals: ['PAIR'],
    options: operationOptions,
    exits,
  },
  run: async (line, ports) => {
    const seen = await readNamed(line, ports);
    if (isUnpaused(seen)) {
      const { name: pair } = seen.pair.metadata;
      say(
        line,
        ports,
        { ok: true, pair, type: 'Resume', operation: null, says: 'not paused' },
        `${pair} is not paused: nothing was asked for.\n`,
      );
      return hallctlExits.ok;
    }
    const reason = line.text('reason') ?? 'asked for with hallctl pair resume';
    return await createAndFollow(seen, { type: 'Resume', member: undefined, reason }, line, ports);
  },
});

export const reinitializeCommand = pairCommand({
  spec: {
    name: 'hallctl pair reinitialize',
    summary:
      'Copies a standby anew: the database of MEMBER is deleted and made again from the primary, which leads alone until that is done. For a\n' +
      'standby whose data is of no more use. What is deleted is told first, and the name of MEMBER has to be typed, or --yes to be given. It\n' +
      'creates a PairOperation and follows it until writes are on both members again. Ctrl-C stops following; the copy goes on.',
    positionals: ['PAIR', 'MEMBER'],
    options: { ...operationOptions, yes: { help: 'do not ask for confirmation' } },
    exits,
  },
  run: async (line, ports) => {
    const member = line.positionals[1] ?? '';
    const reason = line.text('reason') ?? 'asked for with hallctl pair reinitialize';
    const wish = { type: 'Reinitialize', member, reason } as const;
    const seen = await readNamed(line, ports);
    refuseImpossible(seen, wish);
    const destroyed = destroyedBy(seen, member);
    if (!line.has('json')) ports.progress(destroyed);
    if (!line.has('yes')) {
      const why = await whyUnconfirmed(member, 'delete its database and copy it anew', ports);
      // Progress is not what a program reads.
      if (why !== undefined) throw operationErrors.HK_OPERATION_IMPOSSIBLE(line.has('json') ? `${destroyed} But ${why}` : why);
    }
    return await createAndFollow(seen, wish, line, ports);
  },
});

type OperationLine = Pick<CommandLine<'json'>, 'has' | 'positionals'>;

async function operate(wish: OperationWish, line: OperationLine, ports: CommandPorts): Promise<number> {
  return await createAndFollow(await readNamed(line, ports), wish, line, ports);
}

async function createAndFollow(seen: PairSeen, wish: OperationWish, line: OperationLine, ports: CommandPorts): Promise<number> {
  // What is impossible is told before anything is asked of the API server.
  refuseImpossible(seen, wish);
  const author = await callerName(ports.client, ports.signal);
  const created = await createOperation(seen, { ...wish, author }, ports, ports.signal);
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
