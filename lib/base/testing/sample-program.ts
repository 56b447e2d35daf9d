import { readYamlFile } from '../documents.ts';
import { aborted } from '../parts.ts';
import { runProgram } from '../system-program.ts';

/** A program with nothing but its frame. What it does stands in its settings: `renews`, `hangs` when stopped, `fails`. */
await runProgram(
  {
    name: 'hallkeeper-sample',
    summary: 'Shows the frame.',
    config: 'settings file in YAML',
    load: async (file) => (await readYamlFile(file)) as { readonly renews?: boolean; readonly hangs?: boolean; readonly fails?: boolean },
  },
  async ({ renews, hangs, fails }, { clock, log, signal, onHangup }) => {
    if (fails === true) throw new Error('it cannot be');
    if (renews === true) {
      onHangup(() => {
        log.info({}, 'read again');
        return Promise.resolve();
      });
    }
    // The timer keeps the process alive, as a server would.
    const busy = clock.sleep(600_000, signal).catch(() => undefined);
    process.stdout.write('running\n');
    await aborted(signal);
    await busy;
    process.stdout.write('stopping\n');
    if (hangs === true) await clock.sleep(600_000);
  },
);
