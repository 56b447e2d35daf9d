import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { namespace, repositoryRoot } from './api-server.ts';

export interface HallctlEnd {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunningHallctl {
  readonly child: ChildProcess;
  readonly ended: Promise<HallctlEnd>;
  /** What it has said so far, on standard output and on standard error. */
  readonly out: () => string;
  readonly err: () => string;
}

/** `hallctl pair …` as people start it, in the namespace of the tests. */
export function startHallctl(kubeconfig: string, args: readonly string[]): RunningHallctl {
  const program = join(repositoryRoot, 'cli', 'main.ts');
  const child = spawn(process.execPath, [program, 'pair', ...args, '-n', namespace, '--kubeconfig', kubeconfig]);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  const ended = new Promise<HallctlEnd>((resolve) => void child.once('close', (code) => resolve({ code: code ?? -1, out, err })));
  return { child, ended, out: () => out, err: () => err };
}
