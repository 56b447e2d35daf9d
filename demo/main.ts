import { open, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandErrors, exitCodes } from '#lib/base/command.ts';
import type { CommandLine } from '#lib/base/command.ts';
import { messageOf } from '#lib/base/errors.ts';
import { runCommand } from '#lib/base/system-program.ts';
import { Observer } from './observer.ts';
import { namespace, pairName } from './names.ts';
import { pairs } from './resources.ts';
import type { DemoFailure, DemoResult } from './result.ts';
import { openScreen } from './screen.ts';
import type { Screen } from './screen.ts';
import { startHall } from './start.ts';
import type { DemoHall } from './start.ts';
import { Steps } from './steps.ts';
import { tellStory } from './story.ts';
import { viewLines } from './view.ts';
import { whereToLook } from './where-to-look.ts';

const command = {
  name: 'npm run demo --',
  summary:
    'Starts a whole hall on this machine: Kubernetes API, DNS, Prometheus, Alertmanager, operator, a pair of PostgreSQL servers and 40\n' +
    'terminals. Then it kills the primary, shows the failover, and brings the member back. Ctrl-C ends it at any moment, with code 130,\n' +
    'and leaves nothing behind.',
  options: {
    keep: { help: 'leave everything running afterwards, until Ctrl-C' },
    once: { help: 'run through and leave, also on a terminal; no live view' },
    json: { help: 'write what was measured to this file as JSON', value: 'FILE' },
  },
} as const;

/** As shells report a program that Ctrl-C ended. */
const interruptedCode = 130;
const drawEveryMs = 250;
const lookEveryMs = 500;
const lookMaxMs = 2_000;
/** So long a person sees the hall at work before its primary dies. */
const calmMs = 5_000;

interface Wish {
  readonly keep: boolean;
  readonly once: boolean;
  readonly json: string | undefined;
}

async function main(line: CommandLine<keyof typeof command.options>): Promise<number> {
  const wish = { keep: line.has('keep'), once: line.has('once'), json: line.text('json') };
  if (wish.keep && wish.once) throw commandErrors.HK_USAGE('--once leaves and --keep stays; choose one of them');
  // Told now, not after minutes of work.
  if (wish.json !== undefined) await (await open(wish.json, 'a')).close();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(new Error('interrupted')));
  using screen = openScreen(wish.once ? { write: (text) => process.stdout.write(text) } : process.stdout);
  try {
    return await runDemo(wish, screen, stop.signal);
  } catch (error) {
    await writeResult(wish, { ok: false, why: messageOf(error) }).catch((unwritten: unknown) => screen.line(messageOf(unwritten)));
    if (stop.signal.aborted && !(error instanceof SuppressedError)) {
      screen.line('Interrupted. Nothing is left behind.');
      return interruptedCode;
    }
    throw error;
  }
}

async function runDemo(wish: Wish, screen: Screen, signal: AbortSignal): Promise<number> {
  await using stack = new AsyncDisposableStack();
  signal.addEventListener('abort', () => screen.line('Stopping everything …'), { once: true });
  screen.line('Hallkeeper demo: a whole gaming hall on this machine.');
  const startMs = performance.now();
  const hall = await startShown(stack, screen, signal);
  screen.line(`The hall runs after ${((performance.now() - startMs) / 1_000).toFixed(1)} s.`);
  for (const line of whereToLook(hall)) screen.line(line);
  const view = screen.isLive ? stack.use(openView(hall, screen)) : undefined;
  if (view !== undefined) await sleep(calmMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  const result = await tellStory(hall, screen, signal);
  await writeResult(wish, result);
  if (wish.keep) {
    for (const line of whereToLook(hall)) screen.line(line);
    screen.line('Everything runs on until Ctrl-C.');
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } else if (!wish.once) {
    screen.line('To look around yourself: npm run demo -- --keep');
  }
  return result.failover.lost === 0 ? exitCodes.ok : exitCodes.failed;
}

async function startShown(stack: AsyncDisposableStack, screen: Screen, signal: AbortSignal): Promise<DemoHall> {
  using steps = new Steps(screen, signal);
  return await startHall(stack, steps, signal);
}

/** Pair, DNS, terminals and writer, drawn anew a few times a second. */
function openView({ cluster, bind, name, fleet, places, writer }: DemoHall, screen: Screen): AsyncDisposable {
  const admin = cluster.admin.with({ deadlineMs: lookMaxMs, attemptsMax: 1 });
  const observer = new Observer(
    {
      pair: (signal) => admin.get(pairs, { namespace, name: pairName }, signal),
      addresses: () => bind.addressesOf(name),
      terminals: () => fleet.status(),
    },
    lookEveryMs,
  );
  const timer = setInterval(() => screen.live(viewLines({ seen: observer.seen, places, name, writer })), drawEveryMs);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      screen.live([]);
      await observer[Symbol.asyncDispose]();
    },
  };
}

async function writeResult({ json }: Wish, result: DemoResult | DemoFailure): Promise<void> {
  if (json !== undefined) await writeFile(json, `${JSON.stringify(result)}\n`);
}

await runCommand(command, main);
