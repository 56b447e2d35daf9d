import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { defineFamilies } from './family.ts';
import { SeriesTable } from './series-table.ts';
import { linesOf } from './testing/lines.ts';
import { ValueColumn } from './value-column.ts';

const labels = { name: 'any' } as const;
const { height } = defineFamilies({
  height: { name: 'tree_height', kind: 'gauge', labels: { ...labels, side: ['left', 'right'] }, help: 'Height.', since: '0.1.0' },
});

test('a table refuses rows above its bound and takes them again when one is gone', () => {
  const table = new SeriesTable(labels, { rowsMax: 2 });
  const first = table.add({ name: 'a' });
  table.add({ name: 'b' });
  expect(table.add({ name: 'a' })).toBe(first);
  expect(() => table.add({ name: 'c' })).toThrow(expect.objectContaining({ code: 'HK_SERIES_BOUND' }) as Error);
  table.remove(first);
  expect(table.add({ name: 'c' })).toBe(first);
});

test.each([
  { behaviour: 'a missing label', given: {} },
  { behaviour: 'a foreign label', given: { name: 'a', kind: 'b' } },
  { behaviour: 'another label', given: { kind: 'b' } },
])('$behaviour breaks a promise', ({ given }) => {
  const table = new SeriesTable(labels, { rowsMax: 2 });
  expect(() => table.add(given as never)).toThrow('the labels are exactly name');
});

test('a value of a removed row breaks a promise', () => {
  const table = new SeriesTable(labels, { rowsMax: 2 });
  const column = new ValueColumn(table, height);
  const row = table.add({ name: 'a' });
  table.remove(row);
  expect(() => column.set(row, 1)).toThrow('a value belongs to a row in use');
  expect(() => table.remove(row)).toThrow('a row is removed once');
});

test('variants are found by their label values', () => {
  const column = new ValueColumn(new SeriesTable(labels, { rowsMax: 2 }), height);
  expect([column.variant('left'), column.variant('right')]).toEqual([0, 1]);
  expect(() => column.variant('top')).toThrow('tree_height knows its label values');
});

test('lines are those of a simple model, and frozen ones stay as they were, through any history', () => {
  const name = fc.constantFrom('a', 'b"', 'c\\', 'ж', '😀 and a longer name to fill the texts', 'f'.repeat(3_000));
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), name, value: fc.double(), side: fc.constantFrom('left', 'right') }),
    fc.record({ do: fc.constant('remove' as const), name }),
    fc.record({ do: fc.constant('freeze' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new SeriesTable(labels, { rowsMax: 10 });
      const column = new ValueColumn(table, height);
      const model = new Map<string, number>();
      const pictures: { readonly frozen: ReturnType<typeof column.freeze>; readonly lines: readonly string[] }[] = [];
      const modelLines = (): readonly string[] => [...model].map(([key, value]) => `tree_height{${key}} ${spelled(value)}`).sort();
      for (const each of steps) {
        if (each.do === 'set') {
          column.set(table.add({ name: each.name }), each.value, column.variant(each.side));
          model.set(`name="${each.name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}",side="${each.side}"`, each.value);
        } else if (each.do === 'remove') {
          const row = table.find({ name: each.name });
          if (row !== undefined) table.remove(row);
          const start = `name="${each.name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}",`;
          for (const key of model.keys()) if (key.startsWith(start)) model.delete(key);
        } else pictures.push({ frozen: column.freeze(), lines: modelLines() });
      }
      pictures.push({ frozen: column.freeze(), lines: modelLines() });
      for (const { frozen, lines } of pictures) {
        expect([...linesOf([frozen])].sort()).toEqual(lines);
        expect(frozen.lines).toBe(lines.length);
      }
    }),
    { numRuns: 300 },
  );
});

const spelled = (value: number): string => (Math.abs(value) === Infinity ? (value > 0 ? '+Inf' : '-Inf') : String(value));
