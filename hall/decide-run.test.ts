import { expect, test } from 'vitest';
import { decideRun } from './decide-run.ts';
import type { IncumbentRun } from './decide-run.ts';

test.each<[string, IncumbentRun | undefined, string]>([
  ['a free name is admitted', undefined, 'admit'],
  ['the same run over another connection replaces the older one', { runKey: 'me', isOpen: true, silentMs: 0 }, 'replace'],
  ['the same run after its connection ended is admitted', { runKey: 'me', isOpen: false, silentMs: 0 }, 'admit'],
  ['another run that is alive keeps the name', { runKey: 'other', isOpen: true, silentMs: 2_499 }, 'refuse'],
  ['another run that fell silent gives it up', { runKey: 'other', isOpen: true, silentMs: 2_500 }, 'admit'],
  ['another run whose connection ended gives it up', { runKey: 'other', isOpen: false, silentMs: 0 }, 'admit'],
])('%s', (_behaviour, incumbent, decision) => expect(decideRun(incumbent, 'me', 1_000)).toBe(decision));
