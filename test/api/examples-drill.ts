import { aDrillSchedule } from './builders.ts';
import { duration, pattern } from './rule-example.ts';
import type { KindExamples } from './rule-example.ts';

const condition = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'Scheduled', message: '' };

const base = {
  ...aDrillSchedule({ spec: { startingDeadline: '10m', suspend: false, historyLimit: 10 } }),
  status: { conditions: [condition], lastResult: 'Succeeded', lastWriteOutageMs: 120 },
};

export const drillExamples: KindExamples = {
  base,
  examples: [
    {
      at: '',
      rule: 'the name of a DrillSchedule must be at most 50',
      accepted: { 'metadata.name': `w${'e'.repeat(49)}` },
      refused: { 'metadata.name': `w${'e'.repeat(50)}` },
    },
    {
      at: 'spec.pairRef',
      rule: 'pairRef never changes',
      before: {},
      accepted: { 'spec.suspend': true },
      refused: { 'spec.pairRef.name': 'pair-8' },
    },
    pattern('spec.schedule', '0 4 * * MON', '0 0 4 * * MON'),
    pattern('spec.timeZone', 'Europe/Berlin', '+02:00'),
    {
      at: 'spec.timeZone',
      rule: 'timeZone must be a name of the IANA',
      accepted: { 'spec.timeZone': 'Etc/UTC' },
      refused: { 'spec.timeZone': 'Europe/Atlantis' },
    },
    ...duration('spec.startingDeadline', '1m', '25h', '1m to 24h'),
    pattern('status.conditions[].reason', 'Scheduled', 'all well'),
  ],
};
