/** One sample family of the pretended hall: the name, its type, and lines of labels and value. */
interface PretendedFamily {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly samples: readonly (readonly [labels: string, value: number])[];
}

const modes = ['new', 'sync', 'solo', 'claim'];
const roles = ['primary', 'standby', 'none'];
const paths = ['heartbeat', 'sql', 'stream'];
const states = ['online', 'hung', 'comm_error', 'offline', 'maintenance', 'unknown'];
const phases = ['detect', 'decide', 'fence', 'promote', 'open', 'route'];
const reasons = ['silent', 'refused'];

/**
 * What the exporter and the member agents of one small hall would say, as text 0.0.4: three terminals, one of them offline, and a pair that
 * has failed over to member b.
 *
 * @param scrape  Number of the scrape, from 0; counters grow with it.
 * @param nowSeconds  Wall time in seconds.
 */
export function hallExposition(scrape: number, nowSeconds: number): string {
  return [...pairFamilies(scrape), ...terminalFamilies(scrape, nowSeconds)].map(format).join('');
}

function pairFamilies(scrape: number): readonly PretendedFamily[] {
  const of = (member: string, more = ''): string => `hall="north",pair="main",member="${member}"${more === '' ? '' : `,${more}`}`;
  const both = (value: (member: string) => number): PretendedFamily['samples'] => ['a', 'b'].map((member) => [of(member), value(member)]);
  const hot = (label: string, values: readonly string[], is: (member: string) => string): PretendedFamily['samples'] =>
    ['a', 'b'].flatMap((member) => values.map((value) => [of(member, `${label}="${value}"`), is(member) === value ? 1 : 0] as const));
  return [
    { name: 'hallkeeper_pair_mode', type: 'gauge', samples: hot('mode', modes, () => 'sync') },
    { name: 'hallkeeper_pair_role', type: 'gauge', samples: hot('role', roles, (member) => (member === 'b' ? 'primary' : 'standby')) },
    { name: 'hallkeeper_pair_epoch', type: 'gauge', samples: both(() => 2) },
    { name: 'hallkeeper_pair_failover_possible', type: 'gauge', samples: both(() => 1) },
    { name: 'hallkeeper_pair_replication_lag_bytes', type: 'gauge', samples: [[of('b'), 0]] },
    {
      name: 'hallkeeper_pair_path_up',
      type: 'gauge',
      samples: ['a', 'b'].flatMap((member) => paths.map((path) => [of(member, `path="${path}"`), 1] as const)),
    },
    { name: 'hallkeeper_pair_arbiter_up', type: 'gauge', samples: both(() => 1) },
    { name: 'hallkeeper_pair_write_unavailable_seconds_total', type: 'counter', samples: both(() => 0.4) },
    { name: 'hallkeeper_pair_failovers_total', type: 'counter', samples: [[of('b', 'reason="processDeath"'), 1 + (scrape > 2 ? 1 : 0)]] },
    {
      name: 'hallkeeper_pair_failover_phase_seconds',
      type: 'gauge',
      samples: phases.map((phase, index) => [of('b', `phase="${phase}"`), (index + 1) / 50]),
    },
  ];
}

function terminalFamilies(scrape: number, nowSeconds: number): readonly PretendedFamily[] {
  const names = ['t-01', 't-02', 't-03'];
  const stateOf = (name: string): string => (name === 't-03' ? 'offline' : 'online');
  const of = (name: string, more = ''): string => `hall="north",terminal="${name}"${more === '' ? '' : `,${more}`}`;
  const perState = (value: (name: string, state: string) => number): PretendedFamily['samples'] =>
    names.flatMap((name) => states.map((state) => [of(name, `state="${state}"`), value(name, state)] as const));
  return [
    { name: 'hallkeeper_hall_up', type: 'gauge', samples: [['hall="north"', 1]] },
    { name: 'hallkeeper_terminal_state', type: 'gauge', samples: perState((name, state) => (stateOf(name) === state ? 1 : 0)) },
    {
      name: 'hallkeeper_terminal_state_seconds_total',
      type: 'counter',
      samples: perState((name, state) => (stateOf(name) === state ? 100 + scrape : 0)),
    },
    {
      name: 'hallkeeper_terminal_last_seen_timestamp_seconds',
      type: 'gauge',
      samples: names.map((name) => [of(name), stateOf(name) === 'online' ? nowSeconds : nowSeconds - 60]),
    },
    { name: 'hallkeeper_terminal_heartbeat_round_trip_seconds', type: 'gauge', samples: names.map((name) => [of(name), 0.002]) },
    {
      name: 'hallkeeper_terminal_comm_errors_total',
      type: 'counter',
      samples: names.flatMap((name) => reasons.map((reason) => [of(name, `reason="${reason}"`), 3 + scrape] as const)),
    },
  ];
}

function format({ name, type, samples }: PretendedFamily): string {
  const lines = samples.map(([labels, value]) => `${name}{${labels}} ${value}\n`);
  return `# HELP ${name} Pretended.\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
