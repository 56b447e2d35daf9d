import { chown, mkdir, readFile, readdir, readlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '#test/cluster/child.ts';
import type { Child } from '#test/cluster/child.ts';
import type { Network } from '#test/cluster/network.ts';
import { postmasterOf } from '#test/cluster/postmaster.ts';
import { postgresUser } from '#test/cluster/postgres-user.ts';
import { runTool } from '#test/cluster/run-tool.ts';
import { namespace, pairName } from './names.ts';
import type { MemberName } from './names.ts';
import { memberProgram } from './member-program.ts';
import { killAll, processTree } from './process-tree.ts';
import { ourPrograms } from './programs.ts';

export interface MemberWish {
  readonly name: MemberName;
  readonly directory: string;
  readonly network: Network;
  readonly address: string;
  readonly metricsPort: number;
  /** The administrator's, who brings the bundle to the member. */
  readonly kubeconfig: string;
}

/** Programs that an agent starts and that may outlive it. */
const postgresPrograms = new Set(['postgres', 'initdb', 'pg_basebackup', 'pg_rewind', 'pg_ctl', 'pg_controldata', 'pg_waldump']);
const sweepsMax = 100;
const sweepPauseMs = 50;
const agentStopMaxMs = 5_000;

/** One server of the hall: a member agent, its hall server, and PostgreSQL, which outlives both by design. */
export class DemoMember implements AsyncDisposable {
  readonly name: MemberName;
  readonly address: string;
  readonly #wish: MemberWish;
  #agent: Child | undefined;
  #starts = 0;

  constructor(wish: MemberWish) {
    this.name = wish.name;
    this.address = wish.address;
    this.#wish = wish;
  }

  get #dataDirectory(): string {
    return join(this.#wish.directory, 'db', 'data');
  }

  /** Brings the one-time bundle and writes the settings of this machine. @throws while the operator has not prepared the member. */
  async enrol(): Promise<void> {
    const { directory, name, address, metricsPort, kubeconfig } = this.#wish;
    const { uid, gid, name: user } = postgresUser();
    await mkdir(join(directory, 'db'), { recursive: true });
    await chown(join(directory, 'db'), uid, gid);
    const bundle = join(directory, 'bundle.json');
    const args = ['pair', 'enrol', pairName, name, '--namespace', namespace, '--kubeconfig', kubeconfig, '--out', bundle];
    await runTool(process.execPath, [ourPrograms.hallctl, ...args]);
    const settings = {
      stateDirectory: join(directory, 'state'),
      dataDirectory: this.#dataDirectory,
      bundle,
      postgresql: { user },
      metrics: { address, port: metricsPort },
    };
    await writeFile(this.#config, JSON.stringify(settings, null, 2));
  }

  get #config(): string {
    return join(this.#wish.directory, 'member.yaml');
  }

  /** Also after `kill`: power is back. */
  async start(): Promise<void> {
    const { directory, network, name } = this.#wish;
    this.#starts += 1;
    const [command, ...args] = await memberProgram(directory);
    this.#agent = await startChild({
      name: `member-${name}-${this.#starts}`,
      command,
      args: [...args, '--config', this.#config],
      directory,
      network,
      stopMaxMs: agentStopMaxMs,
    });
  }

  /** Throws when its agent has ended by itself, with the end of its log. */
  async requireRunning(): Promise<void> {
    if (this.#agent?.running !== false) return;
    throw new Error(`the agent of member ${this.name} has ended:\n${await this.#agent.logTail()}`);
  }

  /** SIGKILL to everything of this member at once, as when its power is cut. @returns how many processes there were. */
  async kill(): Promise<number> {
    const agent = this.#agent;
    const postmaster = postmasterOf(this.#dataDirectory);
    const roots = [...(agent?.running === true ? [agent.pid] : []), ...(postmaster === undefined ? [] : [postmaster])];
    const pids = processTree(roots);
    killAll(pids);
    await agent?.exited;
    return pids.length;
  }

  /** Ends the agent, then what it started and left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop();
    for (let count = 0; count < sweepsMax; count += 1) {
      const left = await this.#leftBehind();
      if (left.length === 0) return;
      killAll(left);
      await sleep(sweepPauseMs);
    }
    throw new Error(`processes of member ${this.name} do not end: ${(await this.#leftBehind()).join(', ')}`);
  }

  /** Programs of PostgreSQL that work in our folder, told by their file and their arguments, with all below them. */
  async #leftBehind(): Promise<readonly number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
    const ours: number[] = [];
    for (const pid of pids) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (!command.includes(this.#wish.directory) && !folder.startsWith(this.#wish.directory)) continue;
      if (postgresPrograms.has(basename(await readlink(`/proc/${pid}/exe`).catch(() => '')))) ours.push(Number(pid));
    }
    return processTree(ours);
  }
}
