import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../cluster/eventually.ts';
import { systemProgram } from '../cluster/programs.ts';
import { runTool } from '../cluster/run-tool.ts';

const imageMegabytes = 1_536;
const fillerName = 'filler';

/** A real ext4 on a loop device, which can be frozen, slowed, filled and emptied while servers work on it, and lose its power. */
export interface Disk extends AsyncDisposable {
  readonly folder: string;
  /** Every write and fsync waits until `thaw`, as when a controller hangs; reads from memory go on. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Takes all the room there is. */
  fill(): Promise<void>;
  /** Gives the room back. */
  free(): Promise<void>;
  /**
   * Lets writes through for `openMs` after each pause of `pauseMs`, until the signal aborts or a minute is over. Resolves once the first
   * pause has begun; `over` when the disk is as fast as before.
   */
  slow(pace: DiskPace, signal: AbortSignal): Promise<{ readonly over: Promise<void> }>;
  /** Flushes everything, as time does with what was set up long ago. */
  flush(): Promise<void>;
  /**
   * Forgets what was written and never flushed, and is there again as after a power cut. Everything that works on it must have been killed;
   * who had not, fails from then on, and has half a minute to let go of it.
   */
  losePower(): Promise<void>;
}

/** How a slow disk works. With no time between two pauses it is open for the millisecond or two that the tool takes. */
export interface DiskPace {
  readonly pauseMs: number;
  readonly openMs: number;
}

/** A loop of its own in one process, for starting a tool from here would hold the disk open for longer than it takes. */
const slowLoop = 'while [ ! -e "$1" ]; do "$2" --freeze "$3"; : >"$6"; sleep "$4"; "$2" --unfreeze "$3"; [ "$5" = 0 ] || sleep "$5"; done';

/** The first pause of a slow disk begins within this. */
const slowWithinMs = 30_000;

/**
 * Ends a file system at once (Linux, EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH): neither data nor journal are written any more, so
 * that only what was flushed before is there when it is mounted again.
 */
const shutDown =
  'open(my $folder, "<", $ARGV[0]) or die "$!\\n"; my $flags = pack("L", 2); ioctl($folder, 0x8004587d, $flags) or die "$!\\n"';
const letGoMaxMs = 30_000;

async function endFileSystem(folder: string): Promise<void> {
  await runTool(systemProgram('perl'), ['-e', shutDown, folder]);
  const unmount = async (): Promise<true> => (await runTool(systemProgram('umount'), [folder]), true);
  await eventually(`everybody let go of ${folder}`, unmount, { maxMs: letGoMaxMs });
}

/** Makes the file system beside the folder and mounts it there. Root only. */
export async function mountDisk(folder: string): Promise<Disk> {
  const image = `${folder}.img`;
  await mkdir(folder, { recursive: true });
  await writeFile(image, '');
  await truncate(image, imageMegabytes * 1024 * 1024);
  await runTool(systemProgram('mkfs.ext4'), ['-q', '-m', '0', image]);
  const mount = (): Promise<string> => runTool(systemProgram('mount'), ['-o', 'loop', image, folder]);
  await mount();
  let frozen = false;
  const freeze = async (): Promise<void> => {
    if (frozen) return;
    frozen = true;
    await runTool(systemProgram('fsfreeze'), ['--freeze', folder]);
  };
  const thaw = async (): Promise<void> => {
    if (!frozen) return;
    await runTool(systemProgram('fsfreeze'), ['--unfreeze', folder]);
    frozen = false;
  };
  return {
    folder,
    freeze,
    thaw,
    fill: async () => {
      const { bavail, bsize } = await statfs(folder);
      // The file system may give out a little less than it says, so the rest is filled until it refuses.
      await runTool(systemProgram('fallocate'), ['--length', String(bavail * bsize), join(folder, fillerName)]).catch(() => undefined);
      for (let part = 0; (await statfs(folder)).bavail > 0 && part < 100; part += 1) {
        const rest = await statfs(folder);
        await writeFile(join(folder, `${fillerName}-${part}`), Buffer.alloc(rest.bavail * rest.bsize)).catch(() => undefined);
      }
    },
    free: async () => {
      await rm(join(folder, fillerName), { force: true });
      for (let part = 0; part < 100; part += 1) await rm(join(folder, `${fillerName}-${part}`), { force: true });
    },
    slow: async ({ pauseMs, openMs }, signal) => {
      const [stopFile, begunFile] = [`${folder}.stop`, `${folder}.slow`];
      const stop = (): void => writeFileSync(stopFile, '');
      signal.addEventListener('abort', stop, { once: true });
      const paces = [pauseMs, openMs].map((ms) => String(ms / 1_000));
      const loop = [systemProgram('sh'), '-c', slowLoop, 'slow', stopFile, systemProgram('fsfreeze'), folder, ...paces, begunFile];
      const over = (async () => {
        try {
          await runTool(systemProgram('setpriv'), ['--pdeathsig', 'KILL', ...loop]);
        } finally {
          signal.removeEventListener('abort', stop);
          // Where the loop was killed it may have left the disk frozen.
          await runTool(systemProgram('fsfreeze'), ['--unfreeze', folder]).catch(() => undefined);
          await Promise.all([stopFile, begunFile].map((file) => rm(file, { force: true })));
        }
      })();
      const began = eventually('the disk is slow', () => existsSync(begunFile), { maxMs: slowWithinMs, everyMs: 5, signal });
      await Promise.race([began, over]);
      return { over };
    },
    flush: async () => void (await runTool(systemProgram('sync'), ['--file-system', folder])),
    losePower: async () => {
      await thaw();
      await endFileSystem(folder);
      await mount();
    },
    [Symbol.asyncDispose]: async () => {
      await thaw();
      await runTool(systemProgram('umount'), ['--lazy', folder]);
      await rm(image, { force: true });
    },
  };
}
