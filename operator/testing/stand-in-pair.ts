import type { FailoverPair, FailoverPairSpecManifest } from '#lib/api/failoverpair.gen.ts';
import { namespace } from '#test/api/api-server.ts';
import type { OperatorOptions } from '../operator.ts';
import { failoverPairs } from '../resources.ts';
import { startOperatorCluster } from './cluster.ts';
import type { OperatorCluster, RunningOperator } from './cluster.ts';
import { createLocalPair, settingsOf } from './pairs.ts';
import { startStandInMember } from './stand-in-member.ts';
import type { StandInMember } from './stand-in-member.ts';

export interface StandInPairWish {
  readonly rooms: OperatorOptions['rooms'];
  readonly name: string;
  /** Absent: Kubernetes. */
  readonly arbiter?: FailoverPairSpecManifest['arbiter'];
}

const addresses = ['127.0.0.11', '127.0.0.12'] as const;

/** A real operator and one pair, whose members are endpoints that answer what the tests choose. */
export class StandInPair implements AsyncDisposable {
  readonly cluster: OperatorCluster;
  readonly key: { readonly namespace: string; readonly name: string };
  readonly #operators: RunningOperator[];
  readonly #members: StandInMember[] = [];

  private constructor(cluster: OperatorCluster, operator: RunningOperator, name: string) {
    this.cluster = cluster;
    this.key = { namespace, name };
    this.#operators = [operator];
  }

  /** The pair is created, and nobody answers for its members yet. */
  static async start({ rooms, name, arbiter }: StandInPairWish): Promise<StandInPair> {
    const cluster = await startOperatorCluster(rooms);
    try {
      const pair = new StandInPair(cluster, await cluster.operator(), name);
      await createLocalPair(cluster, namespace, { name, addresses, spec: arbiter === undefined ? {} : { arbiter } });
      return pair;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The one that runs now. */
  get operator(): RunningOperator {
    const operator = this.#operators.at(-1);
    if (operator === undefined) throw new Error('there is always one');
    return operator;
  }

  /** Ends the operator and starts another one, which knows nothing but what the cluster holds. */
  async restartOperator(): Promise<void> {
    await this.operator.stop();
    this.#operators.push(await this.cluster.operator());
  }

  until(what: string, holds: (pair: FailoverPair) => boolean): Promise<FailoverPair> {
    return this.cluster.until(what, failoverPairs, this.key, holds);
  }

  /** Answers for this member from now on, with what the operator has issued to it: the pair must be accepted. */
  async answerFor(member: 'a' | 'b'): Promise<StandInMember> {
    const started = await startStandInMember((await settingsOf(this.cluster, namespace, this.key.name, member)).settings);
    this.#members.push(started);
    return started;
  }

  /** @throws Error when an operator met what it took for its own end. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) await member[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
    const fatal = this.#operators.flatMap((operator) => operator.fatal);
    if (fatal.length > 0) throw new AggregateError(fatal, 'the operator met a fatal error');
  }
}
