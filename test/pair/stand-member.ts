import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '#lib/base/invariant.ts';
import { startChild } from '../cluster/child.ts';
import type { Child } from '../cluster/child.ts';
import type { Network } from '../cluster/network.ts';
import { postgresUser } from '../cluster/postgres-user.ts';
import { postmasterOf } from '../cluster/postmaster.ts';
import { signalServer } from './server-processes.ts';

const mainFile = join(import.meta.dirname, '..', '..', 'agents', 'member', 'main.ts');

interface AgentStart {
  readonly env?: Readonly<Record<string, string>>;
  readonly binDirectory?: string;
}

/** One member agent as a process, and the PostgreSQL that outlives it. */
export class StandMember implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly metricsPort: number;
  readonly #network: Network;
  readonly #config: string;
  /** Beside the member's folder: what becomes of its disk must not stop the agent's own words. */
  readonly #logs: string;
  readonly #logFiles = new Set<string>();
  agent: Child | undefined;
  /** Agents that ended neither by a signal nor because they were asked to. */
  readonly failures: string[] = [];

  private constructor(
    name: string,
    given: {
      readonly directory: string;
      readonly network: Network;
      readonly config: string;
      readonly address: string;
      readonly metricsPort: number;
    },
  ) {
    this.name = name;
    this.address = given.address;
    this.directory = given.directory;
    this.dataDirectory = join(given.directory, 'db', 'data');
    this.metricsPort = given.metricsPort;
    this.#network = given.network;
    this.#config = given.config;
    this.#logs = `${given.directory}-log`;
  }

  static async prepare(
    name: string,
    given: {
      readonly folder: string;
      readonly network: Network;
      readonly bundle: string;
      readonly address: string;
      readonly metricsPort: number;
    },
  ): Promise<StandMember> {
    const directory = join(given.folder, name);
    const { uid, gid, name: user } = postgresUser();
    await mkdir(join(directory, 'db'), { recursive: true });
    await mkdir(`${directory}-log`, { recursive: true });
    await chown(join(directory, 'db'), uid, gid);
    const config = join(directory, 'member.yaml');
    const lines = [
      `stateDirectory: ${join(directory, 'state')}`,
      `dataDirectory: ${join(directory, 'db', 'data')}`,
      `bundle: ${given.bundle}`,
      `postgresql: {user: ${user}}`,
      `metrics: {address: ${given.address}, port: ${given.metricsPort}}`,
    ];
    await writeFile(config, `${lines.join('\n')}\n`);
    return new StandMember(name, { directory, config, ...given });
  }

  /**
   * Starts the agent unless it runs, as a service manager does; by choice with more in its environment, or with the programs of
   * PostgreSQL from another folder.
   */
  async startAgent(how: AgentStart = {}): Promise<void> {
    if (this.agent?.running === true) {
      invariant(Object.keys(how).length === 0, `the agent of ${this.name} was ended before it is started otherwise`);
      return;
    }
    const { env, binDirectory } = how;
    const agent = await startChild({
      name: `member-${this.name}-${Date.now()}`,
      command: process.execPath,
      args: [mainFile, '--config', binDirectory === undefined ? this.#config : await this.#configWith(binDirectory)],
      directory: this.#logs,
      network: this.#network,
      ...(env === undefined ? {} : { env }),
    });
    this.#logFiles.add(agent.logFile);
    this.agent = agent;
    void agent.exited.then(({ code }) => {
      if (code !== null && code !== 0) this.failures.push(`the agent of ${this.name} ended by itself with exit code ${code}`);
    });
  }

  async #configWith(binDirectory: string): Promise<string> {
    const config = join(this.directory, 'other-programs.yaml');
    await writeFile(
      config,
      (await readFile(this.#config, 'utf8')).replace('postgresql: {', `postgresql: {binDirectory: ${binDirectory}, `),
    );
    return config;
  }

  /** A second agent for the same data, as when two services are configured by mistake. */
  async startSecondAgent(metricsPort: number): Promise<Child> {
    const config = join(this.directory, 'second.yaml');
    await writeFile(config, (await readFile(this.#config, 'utf8')).replace(/port: \d+/, `port: ${metricsPort}`));
    return await startChild({
      name: `second-${this.name}`,
      command: process.execPath,
      args: [mainFile, '--config', config],
      directory: this.directory,
      network: this.#network,
    });
  }

  /** What every agent of this member logged so far. */
  async log(): Promise<string> {
    return (await Promise.all([...this.#logFiles].map((file) => readFile(file, 'utf8').catch(() => '')))).join('');
  }

  /** What PostgreSQL logged. */
  async postgresLog(): Promise<string> {
    return await readFile(join(this.directory, 'state', 'postgresql', 'postgresql.log'), 'utf8').catch(() => '');
  }

  /** Signals the postmaster and all its children, which are sessions of their own. */
  signalPostgres(signal: NodeJS.Signals): Promise<void> {
    signalServer(this.dataDirectory, signal);
    return Promise.resolve();
  }

  /** Agent and PostgreSQL at once, as when the machine hangs. */
  async signalMember(signal: NodeJS.Signals): Promise<void> {
    this.agent?.signal(signal);
    await this.signalPostgres(signal);
  }

  async killAgent(): Promise<void> {
    await this.agent?.kill();
  }

  /** The postmaster's process id, or undefined when none runs. */
  postmaster(): Promise<number | undefined> {
    return Promise.resolve(postmasterOf(this.dataDirectory));
  }

  /** SIGKILL to the postmaster; its children notice and end by themselves. */
  async killPostgres(): Promise<void> {
    const pid = await this.postmaster();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  /** Everything of this member at once, as when its power is cut. */
  async killMember(): Promise<void> {
    const agent = this.killAgent();
    await this.killPostgres();
    await agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.signalMember('SIGCONT');
    await this.agent?.stop();
    await this.killPostgres();
  }
}
