import { defineFamilies } from '#lib/exposition/family.ts';
import type { Family } from '#lib/exposition/family.ts';

const since = '0.1.0';
const gauge = (name: string, help: string): Family => {
  const unit = /_(seconds|bytes)$/.exec(name)?.[1];
  return { name, kind: 'gauge', ...(unit === undefined ? {} : { unit }), labels: {}, help, since };
};
const cpu = (name: string, help: string): Family => ({ name, kind: 'counter', unit: 'seconds', labels: {}, help, since });
const space = (name: string, help: string): Family => ({ name, kind: 'gauge', unit: 'bytes', labels: { space: 'any' }, help, since });

/** What prom-client tells of the operator's process. The metrics are made there, with help texts of its own; a test keeps names equal. */
export const processFamilies = defineFamilies({
  cpuUser: cpu('process_cpu_user_seconds_total', 'CPU time of the process in its own code.'),
  cpuSystem: cpu('process_cpu_system_seconds_total', 'CPU time of the process in the operating system.'),
  cpu: cpu('process_cpu_seconds_total', 'User and system CPU time of the process.'),
  start: gauge('process_start_time_seconds', 'Start of the process in seconds since 1970.'),
  resident: gauge('process_resident_memory_bytes', 'Resident memory of the process.'),
  virtual: gauge('process_virtual_memory_bytes', 'Virtual memory of the process.'),
  heap: gauge('process_heap_bytes', 'Data segment of the process.'),
  openFiles: gauge('process_open_fds', 'Open files and connections.'),
  maxFiles: gauge('process_max_fds', 'Files and connections that the process may open.'),
  lag: gauge('nodejs_eventloop_lag_seconds', 'Delay of a turn of the event loop that was asked for at this scrape.'),
  lagMin: gauge('nodejs_eventloop_lag_min_seconds', 'Shortest delay of the event loop since the last scrape.'),
  lagMax: gauge('nodejs_eventloop_lag_max_seconds', 'Longest delay of the event loop since the last scrape.'),
  lagMean: gauge('nodejs_eventloop_lag_mean_seconds', 'Mean delay of the event loop since the last scrape.'),
  lagDeviation: gauge('nodejs_eventloop_lag_stddev_seconds', 'Standard deviation of the delay of the event loop since the last scrape.'),
  lagP50: gauge('nodejs_eventloop_lag_p50_seconds', 'Median delay of the event loop since the last scrape.'),
  lagP90: gauge('nodejs_eventloop_lag_p90_seconds', '90th percentile of the delay of the event loop since the last scrape.'),
  lagP99: gauge('nodejs_eventloop_lag_p99_seconds', '99th percentile of the delay of the event loop since the last scrape.'),
  heapTotal: gauge('nodejs_heap_size_total_bytes', 'JavaScript heap that V8 has reserved.'),
  heapUsed: gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.'),
  external: gauge('nodejs_external_memory_bytes', 'Memory outside of the heap that JavaScript objects hold.'),
  spaceTotal: space('nodejs_heap_space_size_total_bytes', 'Size of a space of the heap.'),
  spaceUsed: space('nodejs_heap_space_size_used_bytes', 'What of a space of the heap is in use.'),
  spaceAvailable: space('nodejs_heap_space_size_available_bytes', 'What of a space of the heap is free.'),
  version: {
    name: 'nodejs_version_info',
    kind: 'info',
    labels: { version: 'any', major: 'any', minor: 'any', patch: 'any' },
    help: 'The version of Node.js.',
    since,
  },
  collections: {
    name: 'nodejs_gc_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    labels: { kind: ['major', 'minor', 'incremental', 'weakcb'] },
    help: 'Time of a collection of garbage, by its kind.',
    since,
    bounds: [0.001, 0.01, 0.1, 1, 2, 5],
  },
});
