import { constantSamples } from '#lib/exposition/constant-samples.ts';
import type { Collector } from '#lib/exposition/samples.ts';
import { programFamilies } from './program-families.ts';

export interface ProgramFacts {
  /** For example `hallkeeper-exporter-terminal`. */
  readonly program: string;
  readonly version: string;
}

/** What every program tells about itself: build, CPU time, memory, start. Read from the operating system at each scrape. */
export function programCollector({ program, version }: ProgramFacts): Collector {
  const startSeconds = Math.round(performance.timeOrigin) / 1_000;
  const build = { program, version, node_version: process.versions.node };
  return {
    name: 'program',
    collect: () => {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      return [
        constantSamples(programFamilies.buildInfo, [{ labels: build, value: 1 }]),
        constantSamples(programFamilies.cpuSeconds, [{ labels: {}, value: (user + system) / 1e6 }]),
        constantSamples(programFamilies.residentBytes, [{ labels: {}, value: rss }]),
        constantSamples(programFamilies.heapBytes, [{ labels: {}, value: heapUsed }]),
        constantSamples(programFamilies.startTimeSeconds, [{ labels: {}, value: startSeconds }]),
      ];
    },
  };
}
