import { defineFamilies } from '#lib/exposition/family.ts';

/** Families that every program of ours exposes about itself. */
export const programFamilies = defineFamilies({
  buildInfo: {
    name: 'hallkeeper_build_info',
    kind: 'info',
    labels: { program: 'any', version: 'any', node_version: 'any' },
    help: 'The program that answers, its version and the Node.js it runs on.',
    since: '0.1.0',
  },
  success: {
    name: 'hallkeeper_scrape_collector_success',
    kind: 'gauge',
    labels: { collector: 'any' },
    help: 'Whether a collector gave its families at this scrape (1) or failed and they are missing (0).',
    since: '0.1.0',
  },
  durationSeconds: {
    name: 'hallkeeper_scrape_collector_duration_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: { collector: 'any' },
    help: 'Time a collector took at this scrape, from asking it to its answer.',
    since: '0.1.0',
  },
  series: {
    name: 'hallkeeper_scrape_series',
    kind: 'gauge',
    labels: {},
    help: 'Series in this answer, this one included.',
    since: '0.1.0',
  },
  cpuSeconds: {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    unit: 'seconds',
    labels: {},
    help: 'User and system CPU time of the process, from the operating system.',
    since: '0.1.0',
  },
  residentBytes: {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    unit: 'bytes',
    labels: {},
    help: 'Resident memory of the process, from the operating system.',
    since: '0.1.0',
  },
  heapBytes: {
    name: 'nodejs_heap_size_used_bytes',
    kind: 'gauge',
    unit: 'bytes',
    labels: {},
    help: 'JavaScript heap in use, from V8.',
    since: '0.1.0',
  },
  startTimeSeconds: {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: {},
    help: 'Start of the process in seconds since 1970.',
    since: '0.1.0',
  },
});
