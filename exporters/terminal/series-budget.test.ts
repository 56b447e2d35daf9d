import { expect, test } from 'vitest';
import { rosterTerminalsMax } from '#lib/link/limits.ts';
import { terminalFamilies } from './families.ts';
import { FleetCollector } from './fleet-collector.ts';
import { aMeasurement, aSnapshot, aTerminal, measurementsOf } from './testing/fleet-events.ts';
import { stateLabels } from './wire-words.ts';

/** Series of one terminal by the table: the product of its closed labels, for every family that has the label `terminal`. */
const seriesPerTerminal = Object.values(terminalFamilies)
  .filter(({ labels }) => 'terminal' in labels)
  .map(({ labels }) =>
    Object.values<readonly string[] | 'any'>(labels).reduce((product, values) => product * (values === 'any' ? 1 : values.length), 1),
  )
  .reduce((sum, series) => sum + series, 0);

test(`the largest hall has ${seriesPerTerminal} series a terminal, and no others than hall_up`, () => {
  expect(seriesPerTerminal).toBe(24);
  const names = Array.from({ length: rosterTerminalsMax }, (_, index) => `t-${index}`);
  const collector = new FleetCollector({ hall: 'north', terminalsMax: rosterTerminalsMax });
  collector.apply({ kind: 'snapshot', epoch: 1n, snapshot: aSnapshot(names.map((name) => aTerminal(name))) });
  const stateTotals = [...stateLabels.keys()].map((state) => ({ state, milliseconds: 1n }));
  const measurements = names.map((name) => ({ ...aMeasurement(name), stateTotals }));
  collector.apply({ kind: 'measurements', epoch: 1n, measurements: measurementsOf(measurements) });
  expect(collector.problem).toBeUndefined();
  const lines = collector.collect().reduce((sum, samples) => sum + samples.lines, 0);
  expect(lines).toBe(rosterTerminalsMax * seriesPerTerminal + 1);
});
