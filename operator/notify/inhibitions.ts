/** One label condition of an inhibition rule, in Alertmanager's matcher syntax: `label operator "value"`. */
export interface LabelMatcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** While an alert that fits `source` fires, alerts that fit `target` and have the same `equal` labels are not sent. */
export interface Inhibition {
  /** Why the target says nothing new while the source fires. */
  readonly because: string;
  readonly name: string;
  readonly source: readonly LabelMatcher[];
  readonly target: readonly LabelMatcher[];
  readonly equal: readonly [string, ...string[]];
}

const is = (label: string, value: string): LabelMatcher => ({ label, operator: '=', value });
const isNot = (label: string, value: string): LabelMatcher => ({ label, operator: '!=', value });
/** A label that is absent on both sides counts as equal in Alertmanager; so both sides demand that it is there. */
const present = (label: string): LabelMatcher => ({ label, operator: '=~', value: '.+' });

/** One alert about a pair mutes another one about the same pair. */
const withinPair = (source: string, target: string): Pick<Inhibition, 'source' | 'target' | 'equal'> => ({
  source: [is('alertname', source), present('hall'), present('pair')],
  target: [is('alertname', target), present('hall'), present('pair')],
  equal: ['hall', 'pair'],
});

/**
 * Every inhibition we write. Sources and targets are disjoint, or an alert that fits both could not be muted by another one like it; a test
 * proves it, and that every rule of alerts/ which fits one side has the labels it is compared by.
 */
export const inhibitions: readonly Inhibition[] = [
  {
    because: 'What comes through the hall server cannot be known while the hall server is not reached.',
    name: 'hall-unreachable-mutes-fleet',
    source: [is('alertname', 'HallkeeperHallUnreachable'), present('hall')],
    target: [is('via', 'fleet'), isNot('alertname', 'HallkeeperHallUnreachable'), present('hall')],
    equal: ['hall'],
  },
  {
    because: 'What comes through the exporter is what it saw last; its end must not be told as an end of what fires.',
    name: 'exporter-down-mutes-fleet',
    source: [is('alertname', 'HallkeeperExporterDown'), present('hall')],
    target: [is('via', 'fleet'), isNot('alertname', 'HallkeeperExporterDown'), present('hall')],
    equal: ['hall'],
  },
  {
    because: 'A pair on one member cannot fail over; saying so twice hides other reasons.',
    name: 'pair-solo-mutes-failover-impossible',
    ...withinPair('HallkeeperPairSolo', 'HallkeeperPairFailoverImpossible'),
  },
  {
    because: 'A pair on one member has no paths to the other one that could be lost.',
    name: 'pair-solo-mutes-path-lost',
    ...withinPair('HallkeeperPairSolo', 'HallkeeperPairPathLost'),
  },
  {
    because: 'A pair that nobody leads did not fail over, and names the reasons itself.',
    name: 'pair-no-primary-mutes-failover-impossible',
    ...withinPair('HallkeeperPairNoPrimary', 'HallkeeperPairFailoverImpossible'),
  },
  {
    because: 'The paths to a primary that is gone are gone with it.',
    name: 'pair-no-primary-mutes-path-lost',
    ...withinPair('HallkeeperPairNoPrimary', 'HallkeeperPairPathLost'),
  },
];

/** A matcher as Alertmanager reads it, its value quoted. */
export function formatMatcher({ label, operator, value }: LabelMatcher): string {
  const quoted = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `${label}${operator}"${quoted}"`;
}
