import { defineFamilies } from '#lib/exposition/family.ts';

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
    },
    help: 'Conditions of halls, pairs and schedules of drills: 1 for the status that holds, 0 for the others.',
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
