import { expect, test } from 'vitest';
import { defineFamilies } from './family.ts';
import type { Family } from './family.ts';

const aFamily = (change: Partial<Family> = {}): Family => ({
  name: 'lamp_light_seconds',
  kind: 'gauge',
  unit: 'seconds',
  labels: { lamp: 'any' },
  help: 'Light.',
  since: '0.1.0',
  ...change,
});

test('a family that follows the rules is accepted', () => expect(() => defineFamilies({ light: aFamily() })).not.toThrow());

test.each<{ readonly problem: string; readonly family: Family }>([
  { problem: 'the name is not snake_case', family: aFamily({ name: 'lampLight_seconds' }) },
  { problem: 'the name of a counter ends in _total', family: aFamily({ kind: 'counter' }) },
  { problem: 'the name of a gauge must not end in _total', family: aFamily({ name: 'lamp_light_total' }) },
  { problem: 'the name of a gauge must not end in _count', family: aFamily({ name: 'lamp_light_count' }) },
  { problem: 'the name of a info ends in _info', family: aFamily({ kind: 'info' }) },
  { problem: 'the name does not end in its unit bytes', family: aFamily({ unit: 'bytes' }) },
  { problem: 'the unit seconds of the name is not declared', family: { ...aFamily(), unit: '' } },
  { problem: 'help is not a sentence', family: aFamily({ help: 'Light' }) },
  { problem: 'since is not a version', family: aFamily({ since: 'now' }) },
  { problem: 'the label pod is refused', family: aFamily({ labels: { pod: 'any' } }) },
  { problem: 'the label le is refused', family: aFamily({ labels: { le: 'any' } }) },
  { problem: 'the label Lamp is not snake_case', family: aFamily({ labels: { Lamp: 'any' } }) },
  { problem: 'the label lamp lists a value twice', family: aFamily({ labels: { lamp: ['a', 'a'] } }) },
  { problem: 'bounds belong to histograms', family: aFamily({ kind: 'histogram' }) },
  { problem: 'bounds do not ascend', family: aFamily({ kind: 'histogram', bounds: [1, 1] }) },
  {
    problem: 'the last label of a stateset is named like the family',
    family: aFamily({ name: 'lamp', kind: 'stateset', labels: { state: ['a'] } }),
  },
])('$problem', ({ problem, family }) => expect(() => defineFamilies({ family })).toThrow(problem));

test('two families of one name, or of one OpenMetrics name, are refused', () => {
  const counter = aFamily({ name: 'lamp_light_seconds_total', kind: 'counter' });
  expect(() => defineFamilies({ light: aFamily(), again: aFamily() })).toThrow('lamp_light_seconds: stands twice');
  expect(() => defineFamilies({ light: aFamily(), counter })).toThrow('lamp_light_seconds: stands twice');
});
