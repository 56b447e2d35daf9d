import { expect, test } from 'vitest';
import { openScreen } from './screen.ts';

function recorder(isTTY: boolean): { readonly written: () => string; readonly terminal: Parameters<typeof openScreen>[0] } {
  let text = '';
  return { written: () => text, terminal: { isTTY, columns: 20, write: (more) => (text += more) } };
}

test('without a terminal only lines are written, as they are', () => {
  const { terminal, written } = recorder(false);
  using screen = openScreen(terminal);
  screen.live(['pair', 'writer']);
  screen.line('ready');
  expect(written()).toBe('ready\n');
});

test('on a terminal the block is drawn anew below the lines that stay', () => {
  const { terminal, written } = recorder(true);
  const screen = openScreen(terminal);
  screen.live(['one', 'two']);
  screen.line('stays');
  expect(written().endsWith('one\ntwo\n\u001B[2A\r\u001B[Jstays\none\ntwo\n')).toBe(true);
  screen[Symbol.dispose]();
  expect(written().endsWith('\u001B[2A\r\u001B[J\u001B[?25h')).toBe(true);
});

test('a line of the block that is too wide is cut, or the block would have more lines than we count', () => {
  const { terminal, written } = recorder(true);
  using screen = openScreen(terminal);
  screen.live(['x'.repeat(30)]);
  expect(written()).toContain(`${'x'.repeat(19)}\n`);
  expect(written()).not.toContain('x'.repeat(20));
});
