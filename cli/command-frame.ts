import type { Clock } from '#lib/base/clock.ts';
import type { CommandLine, CommandSpec } from '#lib/base/command.ts';
import type { Random } from '#lib/base/random.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { lookForOperator } from './operator-seen.ts';
import type { LeaseWatch, OperatorSeen } from './operator-seen.ts';
import { readPair } from './pair-seen.ts';
import type { PairSeen } from './pair-seen.ts';
import { tellWhenSlow } from './tell-when-slow.ts';

/** What every command about a cluster takes. */
export const clusterOptions = {
  namespace: { help: "namespace of the pair; absent: the kubeconfig's", value: 'NAMESPACE', short: 'n' },
  kubeconfig: { help: 'kubeconfig file; absent: $KUBECONFIG, or ~/.kube/config', value: 'FILE' },
  json: { help: 'say it as JSON: one object on standard output, with "ok" and, when it is false, "problems"' },
} as const;

/** What a command gets from the machine and from the kubeconfig. */
export interface CommandPorts {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Where members reach the API server, and PEM of its authority. @throws when the kubeconfig does not say. */
  readonly endpoint: () => Promise<{ readonly server: string; readonly authority: string }>;
  readonly clock: Clock;
  readonly random: Random;
  /** The result, to standard output. */
  readonly print: (text: string) => void;
  /** Progress, to standard error. */
  readonly progress: (line: string) => void;
  /** Whether a person looks at the result, and not a file or a program. */
  readonly onScreen: boolean;
  /** Asks a person and returns the answer; undefined when there is nobody to ask. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** A command of hallctl, with what it does. Returns its exit code. */
export interface PairCommand<Name extends string> {
  readonly spec: CommandSpec<Name>;
  run(line: CommandLine<Name>, ports: CommandPorts): Promise<number>;
}

/** Lets a command be made without naming its options twice. */
export function pairCommand<const Name extends string>(command: PairCommand<Name>): PairCommand<Name> {
  return command;
}

/** The pair that the first argument names. @throws HK_PAIR_ABSENT */
export function readNamed(line: Pick<CommandLine<string>, 'positionals'>, ports: CommandPorts): Promise<PairSeen> {
  const { client, namespace, signal } = ports;
  return tellWhenSlow(readPair(client, { namespace, name: line.positionals[0] ?? '' }, signal), ports, signal);
}

/** Whether the operator lives that `--operator` names. @throws HK_USAGE */
export function readOperator(
  line: { text(name: 'operator'): string | undefined },
  ports: CommandPorts,
  watch?: LeaseWatch,
): Promise<OperatorSeen> {
  const { client, clock, signal } = ports;
  // Each answer is waited for by itself: a Lease that looks old is watched for longer than an answer may take.
  const find: CommandPorts['client']['find'] = (type, key, within) => tellWhenSlow(client.find(type, key, within), ports, within);
  return lookForOperator(line.text('operator'), { client: { find }, clock }, signal, watch);
}

/** A result as one line of JSON, or in words. */
export function say(line: { has(name: 'json'): boolean }, { print }: CommandPorts, json: object, words: string): void {
  print(line.has('json') ? `${JSON.stringify(json)}\n` : words);
}
