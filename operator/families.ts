import { defineFamilies } from '#lib/exposition/family.ts';

/** What may become of a drill that was due, as in the status of its schedule. */
const drillResults = ['Running', 'Succeeded', 'Failed', 'Skipped', 'Missed'] as const;

/** What the operator knows and Prometheus wants to know, beside the families of its runtime. */
export const operatorFamilies = defineFamilies({
  condition: {
    name: 'hallkeeper_resource_condition',
    kind: 'gauge',
    labels: {
      kind: ['Hall', 'FailoverPair', 'DrillSchedule'],
      name: 'any',
      condition: 'any',
      status: ['True', 'False', 'Unknown'],
      resource_namespace: 'any',
      hall: 'any',
      pair: 'any',
    },
    help: 'Conditions of halls, pairs and schedules of drills: 1 for the status that holds, 0 for the others. Hall and pair as the members of the pair bear them.',
    since: '0.1.0',
  },
  drillResult: {
    name: 'hallkeeper_drill_last_result',
    kind: 'gauge',
    labels: { hall: 'any', pair: 'any', schedule: 'any', resource_namespace: 'any', result: drillResults },
    help: 'What became of the drill of a schedule that was due last: 1 for that, 0 for the others. Absent before the first was due.',
    since: '0.1.0',
  },
  drillNext: {
    name: 'hallkeeper_drill_next_run_timestamp_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: { hall: 'any', pair: 'any', schedule: 'any', resource_namespace: 'any' },
    help: 'When the next drill of a schedule is due. Absent while the schedule is suspended or cannot be read.',
    since: '0.1.0',
  },
  certificateExpiry: {
    name: 'hallkeeper_certificate_expiry_timestamp_seconds',
    kind: 'gauge',
    unit: 'seconds',
    labels: { secret: 'any', pair: 'any', hall: 'any', resource_namespace: 'any' },
    help: 'When the certificate in a Secret of ours expires; of several authorities in one Secret the newest counts.',
    since: '0.1.0',
  },
});
