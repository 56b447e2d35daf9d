import { aTerminal } from './builders.ts';
import { duration, pattern } from './rule-example.ts';
import type { KindExamples } from './rule-example.ts';

const condition = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'Enrolled', message: '' };

const base = {
  ...aTerminal({
    spec: {
      position: { zone: 'north', seat: '12', x: 3.5, y: 7 },
      contentRef: { name: 'spring' },
      devices: [{ name: 'bills', kind: 'BillAcceptor', protocol: 'CcTalk', port: '/dev/ttyS1', options: { address: '40' } }],
      suspend: { reason: 'door repair', until: '2026-05-01T22:00:00Z' },
      heartbeat: { interval: '1s', offlineAfter: '5s', hungAfter: '10s', grace: '5s', startTimeout: '2m', commErrorPercent: 30 },
    },
  }),
  status: {
    conditions: [condition],
    state: 'Online',
    journal: { state: 'Empty' },
    devices: [{ name: 'bills', state: 'Ok', since: '2026-01-01T00:00:00Z' }],
  },
};

export const terminalExamples: KindExamples = {
  base,
  examples: [
    {
      at: '',
      rule: 'the name of a Terminal',
      accepted: { 'metadata.name': 't'.repeat(63) },
      refused: { 'metadata.name': 't'.repeat(64) },
    },
    {
      at: 'spec.hallRef',
      rule: 'hallRef never changes',
      before: {},
      accepted: { 'spec.model': 'another' },
      refused: { 'spec.hallRef.name': 'hall-8' },
    },
    pattern('spec.serialNumber', 'A 12/34_5.6-7', ' A12'),
    {
      at: 'spec.serialNumber',
      rule: 'serialNumber never changes',
      before: {},
      accepted: { 'spec.position.seat': '13' },
      refused: { 'spec.serialNumber': 'SN-other' },
    },
    pattern('spec.devices[].name', 'bills-2', 'Bills'),
    pattern('spec.devices[].protocol', 'Id003', 'cctalk'),
    {
      at: 'spec.heartbeat',
      rule: 'offlineAfter must be at least twice',
      accepted: { 'spec.heartbeat': { offlineAfter: '1s' } },
      refused: { 'spec.heartbeat': { interval: '3s', offlineAfter: '5s' } },
    },
    {
      at: 'spec.heartbeat',
      rule: 'hungAfter must be at least twice',
      accepted: { 'spec.heartbeat': { interval: '30s' } },
      refused: { 'spec.heartbeat': { interval: '6s', hungAfter: '10s' } },
    },
    ...duration('spec.heartbeat.interval', '2s', '61s', '200ms to 1m'),
    ...duration('spec.heartbeat.offlineAfter', '1h', '999ms', '1s to 1h'),
    ...duration('spec.heartbeat.hungAfter', '2s', '2h', '1s to 1h'),
    ...duration('spec.heartbeat.grace', '10m', '10m1s', '0s to 10m'),
    ...duration('spec.heartbeat.startTimeout', '1s', '0s', '1s to 1h'),
    pattern('status.conditions[].reason', 'HallMissing', '-'),
  ],
};
