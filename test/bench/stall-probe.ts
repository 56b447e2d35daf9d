export interface Stalls {
  readonly tookMs: number;
  /** CPU time of the main thread meanwhile: without what other programs took. */
  readonly cpuMs: number;
  readonly stallMsMax: number;
  /** The longest such time counted in CPU time of the main thread: what of it was the work's own, and not another program's turn. */
  readonly stallCpuMsMax: number;
}

/** Runs work and finds the longest time for which the event loop could do nothing else, in milliseconds. */
export async function withStallProbe(work: () => Promise<void>): Promise<Stalls> {
  let last = performance.now();
  let longest = 0;
  let lastCpu = threadCpuMs();
  let longestCpu = 0;
  let next: NodeJS.Immediate;
  // One turn of the event loop is one tick: whatever holds the loop stands between two of them. Both sides pay for the ticks alike.
  const tick = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    const cpu = threadCpuMs();
    longestCpu = Math.max(longestCpu, cpu - lastCpu);
    lastCpu = cpu;
    next = setImmediate(tick);
  };
  await new Promise((resolve) => setImmediate(resolve));
  last = performance.now();
  lastCpu = threadCpuMs();
  next = setImmediate(tick);
  const cpuBefore = threadCpuMs();
  const began = performance.now();
  await work();
  const tookMs = performance.now() - began;
  const cpuMs = threadCpuMs() - cpuBefore;
  // The turn in which the work ended counts too.
  await new Promise((resolve) => setImmediate(resolve));
  clearImmediate(next);
  return { tookMs, cpuMs, stallMsMax: longest, stallCpuMsMax: longestCpu };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
