import { aPairOperation } from './builders.ts';
import { duration, pattern } from './rule-example.ts';
import type { KindExamples } from './rule-example.ts';

const condition = { type: 'Complete', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'Done', message: '' };

const base = {
  ...aPairOperation({ spec: { ttlAfterFinished: '720h' } }),
  status: { conditions: [condition], steps: [{ name: 'Checkpoint' }] },
};

export const operationExamples: KindExamples = {
  base,
  examples: [
    {
      at: 'spec',
      rule: 'a PairOperation never changes',
      before: {},
      accepted: { 'metadata.labels': { shift: 'night' } },
      refused: { 'spec.notAfter': '2100-01-01T00:00:00Z' },
    },
    {
      at: 'spec',
      rule: 'member is required for Switchover',
      accepted: { 'spec.type': 'Pause', 'spec.member': undefined },
      refused: { 'spec.member': undefined },
      says: 'add member: the member that shall lead after the switchover',
    },
    {
      at: 'spec',
      rule: 'member is required for Switchover',
      accepted: { 'spec.type': 'Resume', 'spec.member': undefined },
      refused: { 'spec.type': 'Resume' },
      says: 'remove member: Resume concerns the whole pair',
    },
    {
      at: 'spec',
      rule: 'member is required for Switchover',
      accepted: { 'spec.type': 'KillPrimary', 'spec.member': undefined },
      refused: { 'spec.type': 'KillPrimary' },
      says: 'remove member: KillPrimary concerns the whole pair',
    },
    {
      at: 'spec',
      rule: 'member is required for Switchover',
      accepted: { 'spec.type': 'Reinitialize' },
      refused: { 'spec.type': 'Reinitialize', 'spec.member': undefined },
      says: 'add member: the standby that is to be copied anew',
    },
    pattern('spec.member', 'a', 'server-1'),
    ...duration('spec.ttlAfterFinished', '0s', '8761h', '0s to 8760h'),
    {
      at: 'status',
      rule: 'a finished PairOperation stays finished',
      before: {},
      accepted: { 'status.completedAt': '2026-01-01T00:00:00Z' },
      refused: { 'status.conditions': [] },
    },
    {
      at: 'status',
      rule: 'a finished PairOperation stays finished',
      before: { 'status.conditions[].type': 'Failed' },
      accepted: { 'status.conditions[].type': 'Failed', 'status.conditions[].reason': 'Expired' },
      refused: { 'status.conditions[].type': 'Failed', 'status.conditions[].status': 'False' },
    },
    pattern('status.conditions[].reason', 'Expired', 'too late'),
  ],
};
