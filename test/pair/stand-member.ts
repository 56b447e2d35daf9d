import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from '../cluster/child.ts';
import type { Child } from '../cluster/child.ts';
import type { Network } from '../cluster/network.ts';
import { postgresUser } from '../cluster/postgres-user.ts';

const mainFile = join(import.meta.dirname, '..', '..', 'agents', 'member', 'main.ts');

/** One member agent as a process, and the PostgreSQL that outlives it. */
export class StandMember implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly metricsPort: number;
  readonly #network: Network;
  readonly #config: string;
  agent: Child | undefined;

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

  async startAgent(): Promise<void> {
    this.agent = await startChild({
      name: `member-${this.name}-${Date.now()}`,
      command: process.execPath,
      args: [mainFile, '--config', this.#config],
      directory: this.directory,
      network: this.#network,
    });
  }

  async killAgent(): Promise<void> {
    await this.agent?.kill();
  }

  /** The postmaster's process id, or undefined when none runs. */
  async postmaster(): Promise<number | undefined> {
    try {
      const pid = Number((await readFile(join(this.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')[0]);
      process.kill(pid, 0);
      return pid;
    } catch {
      return undefined;
    }
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
    await this.agent?.stop();
    await this.killPostgres();
  }
}
