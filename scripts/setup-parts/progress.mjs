import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { localFolder } from './places.mjs';

/** A step that cannot be done. The message is one sentence for people. */
export class StepFailed extends Error {}

const quietMs = 2_000;
const lineEveryMs = 10_000;
const redrawEveryMs = 500;
const tailLines = 15;
const log = join(localFolder, 'setup.log');
let logBegun = false;

/** Tells on standard error what is done and for how long: one line redrawn on a terminal, else a line every ten seconds. */
export class Progress {
  #terminal = process.stderr.isTTY === true;
  #interrupted = false;
  #child;

  /** Ctrl-C or a request to end: passed on to the program that runs. The step in hand then cleans up, and no other begins. */
  interrupt(signal) {
    this.#interrupted = true;
    this.#child?.kill(signal);
  }

  say(text) {
    process.stderr.write(`Set-up: ${text}\n`);
  }

  /** Runs a program as one step; its output goes to .hallkeeper/setup.log. */
  async run(what, command, args, options = {}) {
    const startMs = performance.now();
    const stop = this.#show(what, startMs);
    try {
      await runLogged(what, command, args, { ...options, started: (child) => (this.#child = child) });
    } catch (error) {
      if (!this.#interrupted) throw error;
    } finally {
      this.#child = undefined;
      stop();
    }
    if (this.#interrupted) throw new StepFailed(`stopped while ${what}; run it again to go on`);
    this.say(`${what}: done in ${elapsed(startMs)}`);
  }

  #show(what, startMs) {
    if (!this.#terminal) {
      this.say(`${what}…`);
      const timer = setInterval(() => this.say(`${what}… ${elapsed(startMs)}`), lineEveryMs);
      return () => clearInterval(timer);
    }
    const draw = () => {
      const time = performance.now() - startMs < quietMs ? '' : ` ${elapsed(startMs)}`;
      process.stderr.write(`\r\u001B[KSet-up: ${what}…${time}`);
    };
    draw();
    const timer = setInterval(draw, redrawEveryMs);
    return () => {
      clearInterval(timer);
      process.stderr.write('\r\u001B[K');
    };
  }
}

/** Waits for the program to end, after Ctrl-C too: only then may we clean up after it. */
async function runLogged(what, command, args, { cwd, env = process.env, started }) {
  mkdirSync(localFolder, { recursive: true });
  // The log is of one set-up: it begins anew with the first program that this one runs.
  if (!logBegun) rmSync(log, { force: true });
  logBegun = true;
  appendFileSync(log, `\n# ${what}\n# ${[command, ...args].join(' ')}\n`);
  let tail = '';
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  started(child);
  const keep = (chunk) => {
    appendFileSync(log, chunk);
    tail = (tail + chunk.toString()).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const end = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : `exit code ${code ?? signal}`));
  });
  if (end === undefined) return;
  const said = tail.trimEnd().split('\n').slice(-tailLines).join('\n');
  throw new StepFailed(
    `${what} failed: ${[command, ...args].join(' ')} ended with ${end}. Its last lines (all of them in ${log}):\n${said}`,
  );
}

function elapsed(startMs) {
  return `${Math.round((performance.now() - startMs) / 1_000)} s`;
}
